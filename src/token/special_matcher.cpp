#include "token/special_matcher.h"

namespace etb::token {

using family::TokenType;
using family::VocabView;

namespace {

// The first index in [low, high) whose token's byte `depth` is >= `byte`. Precondition: the tokens
// in the range agree on all bytes before `depth`; those that end there come first.
uint32_t lower_bound(const VocabView& vocab, uint32_t low, uint32_t high, size_t depth,
                     unsigned byte) {
  while (low < high) {
    const uint32_t middle = low + (high - low) / 2;
    const std::string_view text = vocab.bytes(vocab.special(middle));
    const bool below = text.size() <= depth || static_cast<uint8_t>(text[depth]) < byte;
    if (below) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

SpecialMatcher::SpecialMatcher(const VocabView& vocab) {
  for (uint32_t i = 0; i < vocab.special_count(); ++i) {
    const TokenId id = vocab.special(i);
    const auto byte = static_cast<uint8_t>(vocab.bytes(id)[0]);
    first_[byte] |= kAny;
    if (vocab.type(id) == TokenType::UserDefined) first_[byte] |= kUserDefined;
    starts_[byte + 1u] = i + 1;
  }
  for (size_t byte = 1; byte < starts_.size(); ++byte) {
    if (starts_[byte] == 0) starts_[byte] = starts_[byte - 1];
  }
}

std::optional<SpecialMatch> SpecialMatcher::match_at(const VocabView& vocab, std::string_view text,
                                                     size_t at, size_t control_end) const {
  std::optional<SpecialMatch> best;
  const auto first = static_cast<uint8_t>(text[at]);
  uint32_t low = starts_[first], high = starts_[first + 1u];
  for (size_t depth = 1; low < high; ++depth) {
    while (low < high && vocab.bytes(vocab.special(low)).size() == depth) {
      const TokenId id = vocab.special(low++);
      const bool allowed = vocab.type(id) == TokenType::UserDefined || at + depth <= control_end;
      if (allowed && !(best && best->end == at + depth)) {  // of two spelt alike the first
        best = SpecialMatch{at, at + depth, id};
      }
    }
    if (at + depth >= text.size()) break;
    const unsigned byte = static_cast<uint8_t>(text[at + depth]);
    low = lower_bound(vocab, low, high, depth, byte);
    high = lower_bound(vocab, low, high, depth, byte + 1);
  }
  return best;
}

TokenId SpecialMatcher::find(const VocabView& vocab, std::string_view text) const {
  if (text.empty()) return kNoToken;
  const auto match = match_at(vocab, text, 0, text.size());
  return match && match->end == text.size() ? match->id : kNoToken;
}

}  // namespace etb::token
