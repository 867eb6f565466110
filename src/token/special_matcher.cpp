#include "token/special_matcher.h"

namespace etb::token {

using family::TokenType;
using family::VocabView;

namespace {

auto text_of(const VocabView& vocab) {
  return [&vocab](uint32_t i) { return vocab.bytes(vocab.special(i)); };
}

}  // namespace

SpecialMatcher::SpecialMatcher(const VocabView& vocab)
    : sorted_(vocab.special_count(), text_of(vocab)) {
  for (uint32_t i = 0; i < vocab.special_count(); ++i) {
    const TokenId id = vocab.special(i);
    const auto byte = static_cast<uint8_t>(vocab.bytes(id)[0]);
    first_[byte] |= kAny;
    if (vocab.type(id) == TokenType::UserDefined) first_[byte] |= kUserDefined;
  }
}

std::optional<SpecialMatch> SpecialMatcher::match_at(const VocabView& vocab, std::string_view text,
                                                     size_t at, size_t control_end) const {
  std::optional<SpecialMatch> best;
  sorted_.each_prefix(text_of(vocab), text, at, [&](uint32_t i, size_t length) {
    const TokenId id = vocab.special(i);
    const bool allowed = vocab.type(id) == TokenType::UserDefined || at + length <= control_end;
    if (allowed && !(best && best->end == at + length)) {  // of two spelt alike the first
      best = SpecialMatch{at, at + length, id};
    }
  });
  return best;
}

TokenId SpecialMatcher::find(const VocabView& vocab, std::string_view text) const {
  if (text.empty()) return kNoToken;
  const auto match = match_at(vocab, text, 0, text.size());
  return match && match->end == text.size() ? match->id : kNoToken;
}

}  // namespace etb::token
