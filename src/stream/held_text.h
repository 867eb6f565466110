// What splitters of the text look at before they let go of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace etb::stream {

inline constexpr std::string_view kSpace = " \t\r\n";

inline size_t leading_space(std::string_view text) {
  return std::min(text.find_first_not_of(kSpace), text.size());
}

// The longest suffix of `text` that is a proper prefix of `tag`. Precondition: a tag.
inline size_t possible_start(std::string_view text, std::string_view tag) {
  size_t length = std::min(text.size(), tag.size() - 1);
  while (!text.ends_with(tag.substr(0, length))) --length;
  return length;
}

}  // namespace etb::stream
