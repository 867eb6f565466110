// Prefix search in texts that are kept in the order of their bytes: a range of them is a node of a
// trie, narrowed byte by byte with binary search. Needs no tables of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace etb::token {

// Where the texts of each first byte begin. Built once for texts(0) ... texts(count - 1), none of
// them empty.
class SortedTexts {
 public:
  SortedTexts() = default;
  template <class TextAt>
  SortedTexts(uint32_t count, const TextAt& texts) {
    for (uint32_t i = 0; i < count; ++i) {
      starts_[static_cast<uint8_t>(texts(i)[0]) + 1u] = i + 1;
    }
    for (size_t byte = 1; byte < starts_.size(); ++byte) {
      if (starts_[byte] == 0) starts_[byte] = starts_[byte - 1];
    }
  }

  // Calls visit(i, length) for each text that stands at `at`, the shortest first.
  template <class TextAt, class Visit>
  void each_prefix(const TextAt& texts, std::string_view text, size_t at,
                   const Visit& visit) const {
    const auto first = static_cast<uint8_t>(text[at]);
    uint32_t low = starts_[first], high = starts_[first + 1u];
    for (size_t depth = 1; low < high; ++depth) {
      while (low < high && texts(low).size() == depth) visit(low++, depth);
      if (at + depth >= text.size()) break;
      const unsigned byte = static_cast<uint8_t>(text[at + depth]);
      low = lower_bound(texts, low, high, depth, byte);
      high = lower_bound(texts, low, high, depth, byte + 1);
    }
  }

 private:
  // The first index in [low, high) whose text's byte `depth` is >= `byte`. Precondition: the texts
  // in the range agree on all bytes before `depth`; those that end there come first.
  template <class TextAt>
  static uint32_t lower_bound(const TextAt& texts, uint32_t low, uint32_t high, size_t depth,
                              unsigned byte) {
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      const std::string_view text = texts(middle);
      if (text.size() <= depth || static_cast<uint8_t>(text[depth]) < byte) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  std::array<uint32_t, 257> starts_{};
};

}  // namespace etb::token
