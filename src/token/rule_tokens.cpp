#include "token/rule_tokens.h"

#include <algorithm>

#include "token/unicode.h"

namespace etb::token {
namespace {

auto text_of(const std::vector<RuleToken>& tokens) {
  return [&tokens](uint32_t i) { return std::string_view(tokens[i].text); };
}

std::vector<RuleToken> sorted(std::vector<RuleToken> tokens) {
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const RuleToken& a, const RuleToken& b) { return a.text < b.text; });
  return tokens;
}

}  // namespace

RuleTokens::RuleTokens(std::vector<RuleToken> tokens)
    : tokens_(sorted(std::move(tokens))),
      sorted_(static_cast<uint32_t>(tokens_.size()), text_of(tokens_)) {}

std::optional<RuleTokens::Match> RuleTokens::match_at(std::string_view text, size_t at,
                                                      size_t control_end) const {
  std::optional<Match> best;
  sorted_.each_prefix(text_of(tokens_), text, at, [&](uint32_t i, size_t length) {
    const RuleToken& token = tokens_[i];
    const size_t end = at + length;
    if (token.control && end > control_end) return;
    if (best && best->found.end == end) return;  // of two spelt alike the first
    const bool apart = !token.single_word ||
                       (!ends_with_word(text.substr(0, at)) && !begins_with_word(text.substr(end)));
    best = Match{{at, end, token.id}, apart};
  });
  return best;
}

}  // namespace etb::token
