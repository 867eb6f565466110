// Cutting, replacing and padding text, for methods and filters alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

struct SplitHow {
  Value separator;  // none: runs of whitespace
  int64_t limit;    // < 0: no limit
  bool from_right;
};
Value split_text(Runtime& runtime, std::string_view text, const SplitHow& how);

// str.splitlines(); all line ends that Python knows.
std::vector<std::string_view> split_lines(Runtime& runtime, std::string_view text, bool keep_ends);

struct Replacement {
  std::string_view old_text;
  std::string_view new_text;
  int64_t limit;  // < 0: no limit
};
std::string replace_text(Runtime& runtime, std::string_view text, const Replacement& what);

struct Justify {
  char align;  // < > ^
  int64_t width;
  std::string_view fill;  // one character
};
std::string justify_text(Runtime& runtime, std::string_view text, const Justify& how);

std::string expand_tabs(Runtime& runtime, std::string_view text, int64_t tab_size);

}  // namespace etb::prompt::jinja
