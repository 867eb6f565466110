// Filters that make numbers.
#include <array>
#include <charconv>
#include <cmath>

#include "prompt/jinja/builtins.h"
#include "prompt/jinja/operators.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

// int(text, base) as Python reads it: whitespace around, sign, underscores between digits.
std::optional<int64_t> parse_integer(std::string_view text, int64_t base) {
  text = strip(text, Side::Both);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const bool prefixed =
      text.size() > 2 && text[0] == '0' &&
      ((base == 16 && (text[1] | 0x20) == 'x') || (base == 8 && (text[1] | 0x20) == 'o') ||
       (base == 2 && (text[1] | 0x20) == 'b'));
  if (prefixed) text.remove_prefix(2);
  std::string digits = negative ? "-" : "";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
    } else if ((i == 0 && !prefixed) || i + 1 == text.size() || text[i + 1] == '_') {
      return std::nullopt;
    }
  }
  int64_t value = 0;
  const auto end =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, static_cast<int>(base));
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return std::nullopt;
  if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  return value;
}

std::optional<double> parse_float(std::string_view text) {
  text = strip(text, Side::Both);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string lower = to_lower(text);
  double value = 0;
  if (lower == "inf" || lower == "infinity") {
    value = INFINITY;
  } else if (lower == "nan") {
    value = NAN;
  } else {
    std::string digits;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool between = i > 0 && i + 1 < text.size() &&
                           is_decimal(static_cast<unsigned char>(text[i - 1])) &&
                           is_decimal(static_cast<unsigned char>(text[i + 1]));
      if (text[i] == '_' && between) continue;
      digits += text[i];
    }
    const bool plausible =
        !digits.empty() && (is_decimal(static_cast<unsigned char>(digits[0])) || digits[0] == '.');
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (!plausible || end.ptr != digits.data() + digits.size()) return std::nullopt;
    if (end.ec == std::errc::result_out_of_range)
      value = digits.find("e-") != digits.npos ? 0 : INFINITY;
    if (end.ec == std::errc::invalid_argument) return std::nullopt;
  }
  return negative ? -value : value;
}

// int(float); nullopt where Python raises, or beyond 64 bits.
std::optional<int64_t> truncate_float(double value) {
  if (!(value > -9223372036854775808.0 && value < 9223372036854775808.0)) return std::nullopt;
  return static_cast<int64_t>(value);
}

Value int_filter(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "int", arguments, {{"default", false, 0}, {"base", false, 10}});
  const int64_t base = bound.integer(1);
  if (base < 2 || base > 36) return rt.fail("int(): the base must be from 2 to 36");
  if (input.is_integer()) return input.integer();
  if (input.kind() == Kind::BigInt) return input;
  if (input.is_undefined()) return rt.fail(input.undefined_message());
  std::optional<int64_t> value;
  if (input.is_float()) {
    if (std::isinf(input.number())) return rt.fail("int(): infinity is no integer");
    value = truncate_float(input.number());
  }
  if (input.is_string()) {
    value = parse_integer(input.text(), base);
    if (!value) {
      const auto number = parse_float(input.text());
      if (number) value = truncate_float(*number);
    }
  }
  return value ? Value(*value) : bound[0];
}

Value float_filter(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "float", arguments, {{"default", false, 0.0}});
  if (input.is_number()) return input.number();
  if (input.is_undefined()) return rt.fail(input.undefined_message());
  const auto value = input.is_string() ? parse_float(input.text()) : std::nullopt;
  return value ? Value(*value) : bound[0];
}

Value abs_filter(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "abs", arguments, {});
  if (input.is_float()) return std::fabs(input.number());
  if (input.is_integer()) return input.integer() < 0 ? negate(rt, input) : Value(input.integer());
  return rt.fail(input.is_undefined() ? input.undefined_message()
                                      : concat("a ", input.type_name(), " has no absolute value"));
}

// round(value, digits): to even on exact halves of the decimal expansion, as printf does.
double round_digits(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 300) return value;
  if (digits < -308) return std::copysign(0.0, value);
  if (digits >= 0) {
    std::array<char, 700> buffer;
    const int n =
        std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(digits), value);
    double rounded = value;
    if (n > 0) std::from_chars(buffer.data(), buffer.data() + n, rounded);
    return rounded;
  }
  const double scale = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / scale) * scale;
}

Value round_filter(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "round", arguments, {{"precision", false, 0}, {"method", false, "common"}});
  const std::string_view method = bound.text(1);
  const int64_t digits = bound.integer(0);
  if (method != "common" && method != "ceil" && method != "floor") {
    return rt.fail("round(): the method is 'common', 'ceil' or 'floor'");
  }
  if (!input.is_number()) {
    return rt.fail(input.is_undefined() ? input.undefined_message()
                                        : concat("a ", input.type_name(), " cannot be rounded"));
  }
  if (method == "common") {
    if (input.is_float()) return round_digits(input.number(), digits);
    if (digits >= 0) return input.integer();
    const auto rounded = truncate_float(round_digits(input.number(), digits));
    return rounded ? Value(*rounded) : rt.fail("the result has more than 64 bits");
  }
  if (digits > 300 || digits < -300) return rt.fail("round(): the precision is too large");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = input.number() * scale;
  if (!std::isfinite(scaled)) return rt.fail("round(): the value is too large");
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

constexpr Filter kFilters[] = {
    {"int", int_filter}, {"float", float_filter}, {"abs", abs_filter}, {"round", round_filter}};

}  // namespace

std::span<const Filter> number_filters() {
  return kFilters;
}

}  // namespace etb::prompt::jinja
