// One value under one format spec, shared by both formatting languages.
#include <array>
#include <charconv>
#include <cmath>

#include "prompt/jinja/format.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

constexpr int kMaxPrecision = 100;

std::string integer_digits(uint64_t magnitude, char type) {
  const int base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  std::array<char, 72> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base).ptr;
  std::string digits(buffer.data(), end);
  if (type == 'X') digits = to_upper(digits);
  return digits;
}

// C and Python agree on e, f and g but for the forms of infinity and NaN.
std::string float_digits(double magnitude, char type, int precision, bool alternate) {
  if (std::isnan(magnitude)) return "nan";
  if (std::isinf(magnitude)) return "inf";
  const bool percent = type == '%';
  const std::string pattern = concat("%", alternate ? "#" : "", ".*", percent ? 'f' : type);
  std::array<char, 512> buffer;
  const int n = std::snprintf(buffer.data(), buffer.size(), pattern.c_str(), precision,
                              percent ? magnitude * 100 : magnitude);
  std::string text(buffer.data(), n > 0 ? std::min(static_cast<size_t>(n), buffer.size() - 1) : 0);
  return percent ? text + '%' : text;
}

void group_thousands(std::string& digits, char separator) {
  size_t end = 0;
  while (end < digits.size() && digits[end] >= '0' && digits[end] <= '9') ++end;
  for (size_t at = end; at > 3; at -= 3) digits.insert(at - 3, 1, separator);
}

std::string pad(Runtime& rt, const std::string& sign, std::string body, const FormatSpec& spec,
                char default_align) {
  const size_t length = count_code_points(sign, nullptr) + count_code_points(body, nullptr);
  if (spec.width <= length) return sign + body;
  const uint64_t missing = spec.width - length;
  if (!rt.room_for_string(missing * spec.fill.size())) return {};
  const auto repeat = [&spec](uint64_t times) {
    std::string out;
    for (uint64_t i = 0; i < times; ++i) out += spec.fill;
    return out;
  };
  switch (spec.align == '\0' ? default_align : spec.align) {
    case '<':
      return sign + body + repeat(missing);
    case '^':
      return repeat(missing / 2) + sign + body + repeat(missing - missing / 2);
    case '=':
      return sign + repeat(missing) + body;
    default:
      return repeat(missing) + sign + body;
  }
}

std::string sign_text(bool negative, char sign) {
  if (negative) return "-";
  if (sign == '+' || sign == ' ') return std::string(1, sign);
  return {};
}

std::string format_integer(Runtime& rt, int64_t value, const FormatSpec& spec) {
  const bool negative = value < 0;
  const uint64_t magnitude =
      negative ? uint64_t{0} - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  std::string digits = integer_digits(magnitude, spec.type);
  if (spec.grouping != '\0') group_thousands(digits, spec.grouping);
  if (spec.precision > static_cast<int>(digits.size())) {
    digits.insert(0, static_cast<size_t>(spec.precision) - digits.size(), '0');
  }
  std::string sign = sign_text(negative, spec.sign);
  if (spec.alternate &&
      (spec.type == 'x' || spec.type == 'X' || spec.type == 'o' || spec.type == 'b')) {
    sign += concat('0', spec.type);
  }
  return pad(rt, sign, std::move(digits), spec, '>');
}

std::string format_float(Runtime& rt, double value, FormatSpec spec) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  const double magnitude = std::fabs(value);
  std::string digits;
  if (spec.type == '\0' && spec.precision < 0) {
    digits = float_repr(magnitude);
  } else {
    const char type = spec.type == '\0' || spec.type == 'n' ? 'g' : spec.type;
    digits = float_digits(magnitude, type, spec.precision < 0 ? 6 : spec.precision, spec.alternate);
  }
  if (spec.grouping != '\0') group_thousands(digits, spec.grouping);
  return pad(rt, sign_text(negative, spec.sign), std::move(digits), spec, '>');
}

}  // namespace

std::string format_value(Runtime& rt, const Value& value, const FormatSpec& spec) {
  if (std::string_view("\0bcdeEfFgGnosxX%", 16).find(spec.type) == std::string_view::npos) {
    rt.fail(concat("unknown format type '", spec.type, "'"));
    return {};
  }
  if (spec.precision > kMaxPrecision) {
    rt.fail(concat("a precision of more than ", kMaxPrecision, " is not supported"));
    return {};
  }
  const bool float_type =
      std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos && spec.type != '\0';
  if (value.is_float() || (float_type && value.is_integer())) {
    return format_float(rt, value.number(), spec);
  }
  if (value.is_integer() && !(value.is_bool() && spec.type == '\0') && spec.type != 's') {
    if (spec.type != 'c') return format_integer(rt, value.integer(), spec);
    std::string character;
    if (value.integer() < 0 || value.integer() > 0x10FFFF) {
      rt.fail("%c needs a code point");
    } else {
      append_code_point(character, static_cast<char32_t>(value.integer()));
    }
    return pad(rt, {}, std::move(character), spec, '<');
  }
  if (spec.type != '\0' && spec.type != 's') {
    rt.fail(concat("the format '", spec.type, "' does not fit a ", value.type_name()));
    return {};
  }
  std::string text = rt.text_of(value);
  if (spec.precision >= 0) text.resize(byte_offset(text, static_cast<size_t>(spec.precision)));
  return pad(rt, {}, std::move(text), spec, '<');
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace etb::prompt::jinja
