#include "token/utf8.h"

#include <cstdint>
#include <cstring>

namespace etb::token {

namespace {

// The bytes of the white-space character that `text` begins with, or 0.
size_t white_space_length(std::string_view text) {
  const auto at = [text](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const unsigned lead = at(0), second = at(1), third = at(2);
  if ((lead >= 0x09 && lead <= 0x0D) || lead == ' ') return 1;
  if (lead == 0xC2) return second == 0x85 || second == 0xA0 ? 2 : 0;
  const unsigned rest = second << 8 | third;
  const bool wide = (lead == 0xE1 && rest == 0x9A80) || (lead == 0xE3 && rest == 0x8080) ||
                    (lead == 0xE2 && ((rest >= 0x8080 && rest <= 0x808A) || rest == 0x80A8 ||
                                      rest == 0x80A9 || rest == 0x80AF || rest == 0x819F));
  return wide ? 3 : 0;
}

}  // namespace

// Unicode, table 3-7.
size_t utf8_sequence_length(std::string_view rest) {
  const auto at = [rest](size_t i) { return static_cast<uint8_t>(rest[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = utf8_length(rest[0]);
  if (rest.size() < length) return 0;
  uint8_t low = 0x80, high = 0xBF;  // the range of the second byte
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  if (at(1) < low || at(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

void append_utf8(uint32_t code, std::string& out) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80 | (code >> shift & 0x3F));
  };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

uint32_t next_code_point(std::string_view text, size_t& at) {
  const size_t length = utf8_length(text[at]);
  uint32_t code = static_cast<uint8_t>(text[at]);
  if (length > 1) code &= 0x7Fu >> length;
  for (size_t i = 1; i < length; ++i)
    code = code << 6 | (static_cast<uint8_t>(text[at + i]) & 0x3F);
  at += length;
  return code;
}

size_t leading_white_space(std::string_view text) {
  size_t length = 0;
  while (const size_t one = white_space_length(text.substr(length))) length += one;
  return length;
}

size_t trailing_white_space(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
    if (white_space_length(text.substr(begin, end - begin)) == 0) break;
    end = begin;
  }
  return text.size() - end;
}

size_t first_invalid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t eight = 0;
    while (i + 8 <= text.size()) {  // ASCII, eight bytes at a time
      std::memcpy(&eight, text.data() + i, 8);
      if ((eight & 0x8080'8080'8080'8080u) != 0) break;
      i += 8;
    }
    if (i == text.size()) break;
    const size_t length = utf8_sequence_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return text.size();
}

}  // namespace etb::token
