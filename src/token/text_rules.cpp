#include "token/text_rules.h"

#include <array>
#include <cstring>

#include "base/text.h"

namespace etb::token {
namespace {

using Kind = SplitStep::Kind;
using Behavior = SplitStep::Behavior;

#define ETB_LLAMA3(DIGITS)                                           \
  R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" DIGITS \
  R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"
#define ETB_UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define ETB_LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define ETB_SUFFIX R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"

constexpr std::string_view kLlama3 = ETB_LLAMA3(R"(\p{N}{1,3})");
constexpr std::string_view kQwen2 = ETB_LLAMA3(R"(\p{N})");
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?)" ETB_UPPER "*" ETB_LOWER "+" ETB_SUFFIX
    R"(|[^\r\n\p{L}\p{N}]?)" ETB_UPPER "+" ETB_LOWER "*" ETB_SUFFIX
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Every digit alone, then GPT-2's within the gaps. As one expression: a digit ends a run of blanks
// just as the end of the text does.
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kSmollm =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+)";

struct Known {
  std::string_view name;
  std::string_view pattern;
  bool ignore_merges = false;
  bool nfc = false;
};
// Of equal rules the first name is written.
constexpr std::array kKnown{
    Known{"smollm", kSmollm},
    Known{"llama-bpe", kLlama3, true},
    Known{"llama3", kLlama3, true},
    Known{"llama-v3", kLlama3, true},
    Known{"gpt-2", kGpt2Words},
    Known{"qwen2", kQwen2, false, true},
    Known{"deepseek-r1-qwen", kQwen2, false, true},
    Known{"gpt-4o", kO200k},
    Known{"dbrx", kLlama3},
};

SplitStep isolated(std::string_view pattern) {
  return {.kind = Kind::Regex, .pattern = std::string(pattern), .to = {}};
}

TextRules rules_of(const Known& known) {
  TextRules rules;
  if (known.nfc)
    rules.normalizers.push_back({.kind = NormalizeStep::Kind::Nfc, .from = {}, .to = {}});
  rules.splits.push_back(isolated(known.pattern));
  rules.ignore_merges = known.ignore_merges;
  return rules;
}

// Other spellings of well-known rules: an expression that matches every character leaves nothing
// to remove, so that keeping its matches alone is the same as cutting at them.
TextRules simplified(TextRules rules) {
  for (SplitStep& step : rules.splits) {
    const bool covers =
        step.kind == Kind::Regex && (step.pattern == kLlama3 || step.pattern == kQwen2 ||
                                     step.pattern == kO200k || step.pattern == kGpt2Words);
    if (!covers || step.behavior != Behavior::Removed || !step.invert) continue;
    step.behavior = Behavior::Isolated;
    step.invert = false;
  }
  if (rules.splits == std::vector{isolated(kDigit), isolated(kGpt2Words)}) {
    rules.splits = {isolated(kSmollm)};
  }
  return rules;
}

constexpr std::string_view kMagic = "\x01rules1\n";
constexpr uint32_t kMaxSteps = 64;

class Writer {
 public:
  void byte(unsigned value) { out_ += static_cast<char>(value); }
  void number(size_t value) {
    const auto narrow = static_cast<uint32_t>(value);
    char bytes[4];
    std::memcpy(bytes, &narrow, sizeof bytes);
    out_.append(bytes, sizeof bytes);
  }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_{kMagic};
};

// Reads past the end give zeros and empty texts; ok() tells.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  unsigned byte() {
    const std::string_view one = take(1);
    return one.empty() ? 0 : static_cast<uint8_t>(one[0]);
  }
  uint32_t number() {
    uint32_t value = 0;
    if (const std::string_view four = take(4); !four.empty()) {
      std::memcpy(&value, four.data(), sizeof value);
    }
    return value;
  }
  std::string text() { return std::string(take(number())); }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view take(size_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
  bool ok_ = true;
};

Status broken(std::string_view what) {
  return Status(StatusCode::Corrupt, concat("stored tokenizer: its text rules are broken: ", what,
                                            "; import the model file again"));
}

Status read_steps(Reader& in, TextRules& rules) {
  const uint32_t normalizers = in.number();
  if (normalizers > kMaxSteps) return broken("too many steps");
  for (uint32_t i = 0; i < normalizers && in.ok(); ++i) {
    NormalizeStep& step = rules.normalizers.emplace_back();
    const unsigned kind = in.byte(), flags = in.byte();
    if (kind > static_cast<unsigned>(NormalizeStep::Kind::CollapseSpaces)) return broken("a step");
    step.kind = NormalizeStep::Kind(kind);
    step.left = (flags & 1) != 0;
    step.right = (flags & 2) != 0;
    step.from = in.text();
    step.to = in.text();
  }
  const uint32_t splits = in.number();
  if (splits > kMaxSteps) return broken("too many steps");
  for (uint32_t i = 0; i < splits && in.ok(); ++i) {
    SplitStep& step = rules.splits.emplace_back();
    const unsigned kind = in.byte(), behavior = in.byte(), flags = in.byte();
    if (kind > static_cast<unsigned>(Kind::Replace)) return broken("a step");
    if (behavior > static_cast<unsigned>(Behavior::Contiguous)) return broken("a step");
    step.kind = Kind(kind);
    step.behavior = Behavior(behavior);
    step.invert = (flags & 1) != 0;
    step.first_only = (flags & 2) != 0;
    step.pattern = in.text();
    step.to = in.text();
  }
  return {};
}

}  // namespace

std::string write_rules(const TextRules& given) {
  const TextRules rules = simplified(given);
  for (const Known& known : kKnown) {
    if (rules == rules_of(known)) return std::string(known.name);
  }
  Writer out;
  out.byte((rules.ignore_merges ? 1u : 0u) | (rules.separate_unknown ? 2u : 0u) |
           (rules.single_sums ? 4u : 0u));
  out.number(rules.normalizers.size());
  for (const NormalizeStep& step : rules.normalizers) {
    out.byte(static_cast<unsigned>(step.kind));
    out.byte((step.left ? 1u : 0u) | (step.right ? 2u : 0u));
    out.text(step.from);
    out.text(step.to);
  }
  out.number(rules.splits.size());
  for (const SplitStep& step : rules.splits) {
    out.byte(static_cast<unsigned>(step.kind));
    out.byte(static_cast<unsigned>(step.behavior));
    out.byte((step.invert ? 1u : 0u) | (step.first_only ? 2u : 0u));
    out.text(step.pattern);
    out.text(step.to);
  }
  out.number(rules.tokens.size());
  for (const RuleToken& token : rules.tokens) {
    out.number(token.id);
    out.byte((token.control ? 1u : 0u) | (token.normalized ? 2u : 0u) |
             (token.single_word ? 4u : 0u));
    out.text(token.text);
  }
  return out.take();
}

Result<TextRules> read_rules(std::string_view stored) {
  if (!stored.starts_with(kMagic.substr(0, 1))) {
    std::string names;
    for (const Known& known : kKnown) {
      if (known.name == stored) return rules_of(known);
      names += concat(names.empty() ? "" : ", ", known.name);
    }
    return Status(StatusCode::Unsupported, concat("tokenizer: the pre-tokenizer '", stored,
                                                  "' is not known; known are ", names));
  }
  if (!stored.starts_with(kMagic)) return broken("of another version");
  Reader in(stored.substr(kMagic.size()));
  TextRules rules;
  const unsigned flags = in.byte();
  rules.ignore_merges = (flags & 1) != 0;
  rules.separate_unknown = (flags & 2) != 0;
  rules.single_sums = (flags & 4) != 0;
  ETB_RETURN_IF_ERROR(read_steps(in, rules));
  const uint32_t tokens = in.number();
  for (uint32_t i = 0; i < tokens && in.ok(); ++i) {
    RuleToken& token = rules.tokens.emplace_back();
    token.id = in.number();
    const unsigned token_flags = in.byte();
    token.control = (token_flags & 1) != 0;
    token.normalized = (token_flags & 2) != 0;
    token.single_word = (token_flags & 4) != 0;
    token.text = in.text();
    if (token.text.empty()) return broken("a token without text");
  }
  if (!in.ok() || !in.at_end()) return broken("its length is off");
  return rules;
}

}  // namespace etb::token
