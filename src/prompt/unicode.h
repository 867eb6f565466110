// Text as Python sees it: strings of code points with Unicode whitespace and case. Strings are
// UTF-8 inside; a byte that is no UTF-8 counts as one code point and is kept as it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace etb::prompt {

// The code point that starts at text[at] and its length in bytes (>= 1). A broken byte gives
// kBrokenByte and length 1. Precondition: at < text.size().
inline constexpr char32_t kBrokenByte = 0xFFFF'FFFF;
struct CodePoint {
  char32_t value;
  size_t bytes;
};
CodePoint code_point_at(std::string_view text, size_t at);

void append_code_point(std::string& out, char32_t value);

// How many code points; `ascii` (may be null) says whether all of them are below 128.
size_t count_code_points(std::string_view text, bool* ascii);

// Byte offset of code point `index`; text.size() when index is at or beyond the end.
size_t byte_offset(std::string_view text, size_t index);

// str.isspace, str.isalpha, ... of one code point, with Python's tables in meaning.
bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_printable(char32_t c);
bool is_word(char32_t c);  // \w of Python's re

// str.strip and its halves; `chars` empty strips whitespace.
enum class Side { Both, Left, Right };
std::string_view strip(std::string_view text, Side side, std::string_view chars = {});

// Full case mapping (one to many, final sigma), as Python does it.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);    // str.title()
std::string capitalize(std::string_view text);  // str.capitalize()
std::string swap_case(std::string_view text);

}  // namespace etb::prompt
