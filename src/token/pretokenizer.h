// Carries out the cutting of TextRules: from a normalised text to the words that the model sees.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "token/regex.h"
#include "token/text_rules.h"

namespace etb::token {

// The words of a text, in order. They need not cover it.
struct Words {
  std::string_view text;  // the text given, or `storage`
  std::vector<TextRange> ranges;
  std::string storage;

  std::string_view word(size_t i) const {
    return text.substr(ranges[i].begin, ranges[i].end - ranges[i].begin);
  }
};

// Immutable and thread-safe.
class PreTokenizer {
 public:
  PreTokenizer() = default;
  // Unsupported, naming the step, for an expression that cannot be used.
  static Result<PreTokenizer> create(std::vector<SplitStep> steps);

  // What stands where a text begins: Prepend steps may leave its first word alone.
  struct Start {
    bool prefix = true;      // it may get a prefix
    bool whole_text = true;  // the whole input begins here, too
  };
  // `words` is overwritten. InvalidArgument if the text cannot be cut within bounds. Precondition:
  // valid UTF-8; `text` outlives the use of `words`.
  Status split(std::string_view text, Start start, Words& words) const;

 private:
  struct Step {
    SplitStep rule;
    std::optional<Regex> regex;
  };
  std::vector<Step> steps_;
};

}  // namespace etb::token
