#include "prompt/jinja/string_escape.h"

#include <optional>

#include "base/text.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

std::optional<uint32_t> digit_value(char c, uint32_t base) {
  uint32_t value = 99;
  if (c >= '0' && c <= '9') value = static_cast<uint32_t>(c - '0');
  if (c >= 'a' && c <= 'f') value = static_cast<uint32_t>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') value = static_cast<uint32_t>(c - 'A') + 10;
  if (value >= base) return std::nullopt;
  return value;
}

char simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
      return c;
    default:
      return '\0';
  }
}

// Reads \x, \u and \U at `at` (the letter); moves behind the digits.
Status append_hex(std::string_view body, size_t& at, std::string& out) {
  const char kind = body[at];
  const size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
  uint32_t value = 0;
  for (size_t i = 1; i <= digits; ++i) {
    const auto digit = at + i < body.size() ? digit_value(body[at + i], 16) : std::nullopt;
    if (!digit || value > 0x10FFFF) {
      return Status(StatusCode::Corrupt, concat("the escape \\", kind, " needs ", digits,
                                                " hexadecimal digits of a code point"));
    }
    value = value * 16 + *digit;
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
    return Status(StatusCode::Corrupt, concat("the escape \\", kind, " names no code point"));
  }
  append_code_point(out, value);
  at += digits + 1;
  return {};
}

void append_octal(std::string_view body, size_t& at, std::string& out) {
  uint32_t value = 0;
  for (int i = 0; i < 3 && at < body.size(); ++i, ++at) {
    const auto digit = digit_value(body[at], 8);
    if (!digit) break;
    value = value * 8 + *digit;
  }
  append_code_point(out, value);
}

}  // namespace

Result<std::string> unescape_string(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  for (size_t at = 0; at < body.size();) {
    if (body[at] != '\\' || at + 1 >= body.size()) {
      out += body[at++];
      continue;
    }
    const char c = body[++at];
    if (const char plain = simple_escape(c); plain != '\0') {
      out += plain;
      ++at;
    } else if (c == '\n') {
      ++at;  // a line joined to the next
    } else if (c == 'x' || c == 'u' || c == 'U') {
      ETB_RETURN_IF_ERROR(append_hex(body, at, out));
    } else if (digit_value(c, 8)) {
      append_octal(body, at, out);
    } else if (c == 'N') {
      return Status(StatusCode::Unsupported, "\\N{name} escapes are not built in; write \\u....");
    } else {
      out += '\\';
    }
  }
  return out;
}

}  // namespace etb::prompt::jinja
