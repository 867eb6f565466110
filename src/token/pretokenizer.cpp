// The only file that sees PCRE2. `\s` of the published expressions is written out as Unicode's
// White_Space (WS below), because PCRE2's own also takes in U+180E.
#include "token/pretokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <utility>

#include "base/text.h"

// The inside of a character class.
#define WS \
  R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})"

namespace etb::token {

namespace {

// What ends all of them: line breaks with the blanks before them, blanks up to the last one before
// a word, other blanks.
constexpr const char* kGpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS
                              "\\p{L}\\p{N}]+|[" WS "]+(?![^" WS "])|[" WS "]+";

// Every digit alone, then GPT-2's within the gaps. As one expression: a digit ends a run of blanks
// just as the end of the text does.
constexpr const char* kSmollm = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|\\p{N}| ?[^" WS
                                "\\p{L}\\p{N}]+|[" WS "]+(?![^" WS "\\p{N}])|[" WS "]+";

#define ETB_LLAMA3(DIGITS)                                                        \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" DIGITS "| ?[^" WS \
  "\\p{L}\\p{N}]+[\\r\\n]*|[" WS "]*[\\r\\n]+|[" WS "]+(?![^" WS "])|[" WS "]+"

constexpr const char* kLlama3 = ETB_LLAMA3("\\p{N}{1,3}");
constexpr const char* kQwen2 = ETB_LLAMA3("\\p{N}");

#define ETB_UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define ETB_LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define ETB_SUFFIX "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
constexpr const char* kO200k =
    "[^\\r\\n\\p{L}\\p{N}]?" ETB_UPPER "*" ETB_LOWER "+" ETB_SUFFIX
    "|[^\\r\\n\\p{L}\\p{N}]?" ETB_UPPER "+" ETB_LOWER "*" ETB_SUFFIX "|\\p{N}{1,3}| ?[^" WS
    "\\p{L}\\p{N}]+[\\r\\n/]*|[" WS "]*[\\r\\n]+|[" WS "]+(?![^" WS "])|[" WS "]+";

struct Known {
  std::string_view name;
  const char* pattern;
  bool ignore_merges;
  bool nfc;
};
constexpr std::array kKnown{
    Known{"smollm", kSmollm, false, false},
    Known{"llama-bpe", kLlama3, true, false},
    Known{"llama3", kLlama3, true, false},
    Known{"llama-v3", kLlama3, true, false},
    Known{"gpt-2", kGpt2, false, false},
    Known{"qwen2", kQwen2, false, true},
    Known{"deepseek-r1-qwen", kQwen2, false, true},
    Known{"gpt-4o", kO200k, false, false},
    Known{"dbrx", kLlama3, false, false},
};

// A bound on backtracking, so that no text can stall the engine; far above what a megabyte of
// anything needs.
constexpr uint32_t kMatchLimit = 200'000'000;

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 160> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using MatchData = std::unique_ptr<pcre2_match_data, Deleter<&pcre2_match_data_free>>;

}  // namespace

struct PreTokenizer::Compiled {
  const Known* known = nullptr;
  std::unique_ptr<pcre2_code, Deleter<&pcre2_code_free>> code;
  std::unique_ptr<pcre2_match_context, Deleter<&pcre2_match_context_free>> context;
  bool jit = false;
};

PreTokenizer::PreTokenizer(std::shared_ptr<const Compiled> compiled)
    : compiled_(std::move(compiled)) {}

bool PreTokenizer::ignore_merges() const {
  return compiled_->known->ignore_merges;
}
bool PreTokenizer::normalizes() const {
  return compiled_->known->nfc;
}

Result<PreTokenizer> PreTokenizer::create(std::string_view name) {
  const Known* known = nullptr;
  std::string names;
  for (const Known& entry : kKnown) {
    if (entry.name == name) known = &entry;
    names += concat(names.empty() ? "" : ", ", entry.name);
  }
  if (known == nullptr) {
    return Status(StatusCode::Unsupported, concat("tokenizer: the pre-tokenizer '", name,
                                                  "' is not known; known are ", names));
  }
  auto compiled = std::make_shared<Compiled>();
  compiled->known = known;
  int error = 0;
  PCRE2_SIZE offset = 0;
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(known->pattern),
                                     PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &offset,
                                     nullptr));
  if (compiled->code == nullptr) {
    return Status(StatusCode::Internal, concat("pre-tokenizer '", name, "': ", pcre2_message(error),
                                               " at offset ", offset));
  }
  compiled->jit = pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE) == 0;
  compiled->context.reset(pcre2_match_context_create(nullptr));
  if (compiled->context == nullptr) return Status(StatusCode::OutOfMemory, "pre-tokenizer");
  pcre2_set_match_limit(compiled->context.get(), kMatchLimit);
  return PreTokenizer(std::move(compiled));
}

Status PreTokenizer::split(std::string_view text, std::vector<uint32_t>& ends) const {
  const MatchData match(pcre2_match_data_create(1, nullptr));
  if (match == nullptr) return Status(StatusCode::OutOfMemory, "pre-tokenizer");
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const pcre2_code* code = compiled_->code.get();
  const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match.get());
  size_t at = 0;
  while (at < text.size()) {
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (compiled_->jit) {
      found =
          pcre2_jit_match(code, subject, text.size(), at, 0, match.get(), compiled_->context.get());
    }
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {  // no JIT, or too deep for its small stack
      found = pcre2_match(code, subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          match.get(), compiled_->context.get());
    }
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) {
      return Status(StatusCode::InvalidArgument,
                    concat("tokenizer: the text cannot be cut into words at byte ", at, ": ",
                           pcre2_message(found)));
    }
    if (span[0] > at) ends.push_back(static_cast<uint32_t>(span[0]));  // what nothing matches
    if (span[1] <= at) break;
    at = span[1];
    ends.push_back(static_cast<uint32_t>(at));
  }
  if (at < text.size()) ends.push_back(static_cast<uint32_t>(text.size()));
  return {};
}

}  // namespace etb::token
