// Comparing texts of a few bytes, millions of times: the library's way of finding out how long they
// are costs more than the comparison.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace etb {

template <class Word>
Word load_word(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline bool same_bytes(const char* a, const char* b, size_t bytes) {
  const auto differ = [a, b]<class Word>(Word, size_t at) {
    return load_word<Word>(a + at) ^ load_word<Word>(b + at);
  };
  if (bytes >= 8) {
    uint64_t found = differ(uint64_t{}, bytes - 8);
    for (size_t at = 0; found == 0 && at + 8 < bytes; at += 8) found = differ(uint64_t{}, at);
    return found == 0;
  }
  if (bytes >= 4) return (differ(uint32_t{}, 0) | differ(uint32_t{}, bytes - 4)) == 0;
  // The first, the middle and the last are all of one to three.
  return bytes == 0 ||
         (a[0] == b[0] && a[bytes / 2] == b[bytes / 2] && a[bytes - 1] == b[bytes - 1]);
}

inline bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && same_bytes(a.data(), b.data(), a.size());
}

// `joined` is `left` and `right` behind it.
inline bool same_text(std::string_view joined, std::string_view left, std::string_view right) {
  return joined.size() == left.size() + right.size() &&
         same_bytes(joined.data(), left.data(), left.size()) &&
         same_bytes(joined.data() + left.size(), right.data(), right.size());
}

}  // namespace etb
