// Finds the tokens of TextRules in a text: leftmost, and of those that begin at one place the
// longest.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "token/sorted_texts.h"
#include "token/special_matcher.h"
#include "token/text_rules.h"

namespace etb::token {

class RuleTokens {
 public:
  RuleTokens() = default;
  explicit RuleTokens(std::vector<RuleToken> tokens);

  bool empty() const { return tokens_.empty(); }
  // The longest token at `at`; control tokens only if they end at or before `control_end`.
  // `apart`: whether it stands where a token of its kind may, i.e. is_single_word() if it must.
  struct Match {
    SpecialMatch found;
    bool apart = true;
  };
  std::optional<Match> match_at(std::string_view text, size_t at, size_t control_end) const;

 private:
  std::vector<RuleToken> tokens_;  // in the order of their texts' bytes
  SortedTexts sorted_;
};

}  // namespace etb::token
