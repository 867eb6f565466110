// Finds special tokens (Control, Unknown, UserDefined) in raw text: leftmost, and of those that
// begin at one place the longest, as Hugging Face does.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "family/vocab.h"
#include "token/sorted_texts.h"

namespace etb::token {

struct SpecialMatch {
  size_t begin = 0;
  size_t end = 0;
  TokenId id = kNoToken;
};

// The stored specials are in the order of their bytes.
class SpecialMatcher {
 public:
  explicit SpecialMatcher(const family::VocabView& vocab);

  // The longest token at `at`. UserDefined tokens are always found; the others only if they end at
  // or before `control_end`.
  std::optional<SpecialMatch> match_at(const family::VocabView& vocab, std::string_view text,
                                       size_t at, size_t control_end) const;

  // Whether any token begins with this byte; `control`: also Control and Unknown ones.
  bool may_begin(char byte, bool control) const {
    const uint8_t flags = first_[static_cast<uint8_t>(byte)];
    return (flags & (control ? kAny : kUserDefined)) != 0;
  }

  // The token spelt exactly so, or kNoToken.
  TokenId find(const family::VocabView& vocab, std::string_view text) const;

 private:
  static constexpr uint8_t kAny = 1, kUserDefined = 2;
  std::array<uint8_t, 256> first_{};
  SortedTexts sorted_;
};

}  // namespace etb::token
