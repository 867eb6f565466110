#include "token/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "base/text.h"

namespace etb::token {
namespace {

// A bound on backtracking at one place, so that no text can stall the engine; far above what the
// known expressions need for a megabyte of anything.
constexpr uint32_t kMatchLimit = 200'000'000;
constexpr size_t kMaxPatternBytes = 16384;

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

}  // namespace

struct Regex::Compiled {
  std::unique_ptr<pcre2_code, Deleter<&pcre2_code_free>> code;
  std::unique_ptr<pcre2_match_context, Deleter<&pcre2_match_context_free>> context;
  bool jit = false;
};

Result<Regex> Regex::compile(std::string_view spelled) {
  if (spelled.size() > kMaxPatternBytes) {
    return Status(StatusCode::Unsupported, concat("a regular expression of ", spelled.size(),
                                                  " bytes; at most ", kMaxPatternBytes));
  }
  ETB_ASSIGN_OR_RETURN(const std::string pattern, to_pcre2(spelled));
  const std::unique_ptr<pcre2_compile_context, Deleter<&pcre2_compile_context_free>> options(
      pcre2_compile_context_create(nullptr));
  if (options == nullptr) return Status(StatusCode::OutOfMemory, "regular expression");
  pcre2_set_newline(options.get(), PCRE2_NEWLINE_LF);
  auto compiled = std::make_shared<Compiled>();
  int error = 0;
  PCRE2_SIZE offset = 0;
  compiled->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset,
                                     options.get()));
  if (compiled->code == nullptr) {
    return Status(StatusCode::Unsupported, concat("the regular expression '", pattern, "': ",
                                                  pcre2_message(error), " at offset ", offset));
  }
  uint32_t may_be_empty = 0;
  pcre2_pattern_info(compiled->code.get(), PCRE2_INFO_MATCHEMPTY, &may_be_empty);
  if (may_be_empty != 0) {
    return Status(StatusCode::Unsupported,
                  concat("the regular expression '", pattern, "' matches the empty text"));
  }
  compiled->jit = pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE) == 0;
  compiled->context.reset(pcre2_match_context_create(nullptr));
  if (compiled->context == nullptr) return Status(StatusCode::OutOfMemory, "regular expression");
  pcre2_set_match_limit(compiled->context.get(), kMatchLimit);
  return Regex(std::move(compiled));
}

void Regex::Search::MatchDeleter::operator()(void* match) const {
  pcre2_match_data_free(static_cast<pcre2_match_data*>(match));
}

Regex::Search::Search(const Regex& regex)
    : regex_(regex), match_(pcre2_match_data_create(1, nullptr)) {}

Result<std::optional<TextRange>> Regex::Search::next(size_t at) {
  if (match_ == nullptr) return Status(StatusCode::OutOfMemory, "regular expression");
  auto* match = static_cast<pcre2_match_data*>(match_.get());
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text_.data());
  const Compiled& compiled = *regex_.compiled_;
  int found = PCRE2_ERROR_JIT_STACKLIMIT;
  if (compiled.jit) {
    found = pcre2_jit_match(compiled.code.get(), subject, text_.size(), at, 0, match,
                            compiled.context.get());
  }
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) {  // no JIT, or too deep for its small stack
    found = pcre2_match(compiled.code.get(), subject, text_.size(), at,
                        PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match, compiled.context.get());
  }
  if (found == PCRE2_ERROR_NOMATCH) return std::optional<TextRange>();
  if (found < 0) {
    return Status(StatusCode::InvalidArgument,
                  concat("tokenizer: the text cannot be cut into words at byte ", at, ": ",
                         pcre2_message(found)));
  }
  const PCRE2_SIZE* span = pcre2_get_ovector_pointer(match);
  // A look-behind can still end a match where it begins.
  if (span[1] <= span[0]) return std::optional<TextRange>();
  return std::optional(TextRange{static_cast<uint32_t>(span[0]), static_cast<uint32_t>(span[1])});
}

}  // namespace etb::token
