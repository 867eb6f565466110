// UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace etb::token {

// The offset of the first byte of the first ill-formed sequence, or text.size() if there is none.
size_t first_invalid_utf8(std::string_view text);

// The bytes of the well-formed sequence that `rest` begins with, or 0. Precondition: not empty.
size_t utf8_sequence_length(std::string_view rest);

// The bytes of the character that begins with `lead`. Precondition: a lead byte of valid UTF-8.
inline size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// Precondition: `code` is a Unicode scalar value.
void append_utf8(uint32_t code, std::string& out);

// The character at `at`, which is moved behind it. Precondition: valid UTF-8, at < text.size().
uint32_t next_code_point(std::string_view text, size_t& at);

// The bytes of Unicode's White_Space that valid `text` begins or ends with.
size_t leading_white_space(std::string_view text);
size_t trailing_white_space(std::string_view text);

}  // namespace etb::token
