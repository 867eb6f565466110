// + - * / // % ** on numbers, strings and lists.
#include <cmath>

#include "prompt/jinja/format.h"
#include "prompt/jinja/operators.h"

namespace etb::prompt::jinja {
namespace {

std::string_view sign_of(Op op) {
  switch (op) {
    case Op::Add:
      return "+";
    case Op::Subtract:
      return "-";
    case Op::Multiply:
      return "*";
    case Op::Divide:
      return "/";
    case Op::FloorDivide:
      return "//";
    case Op::Modulo:
      return "%";
    default:
      return "**";
  }
}

Value mismatch(Runtime& rt, Op op, const Value& a, const Value& b) {
  return rt.fail(concat("unsupported operand types for ", sign_of(op), ": '", a.type_name(),
                        "' and '", b.type_name(), "'"));
}

Value overflow(Runtime& rt) {
  return rt.fail("the result has more than 64 bits");
}

Value integer_power(Runtime& rt, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return rt.fail("zero cannot be raised to a negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  int64_t result = 1;
  for (bool wide = false; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && (wide || __builtin_mul_overflow(result, base, &result))) {
      return overflow(rt);
    }
    if (!wide && exponent > 1) wide = __builtin_mul_overflow(base, base, &base);
  }
  return result;
}

Value integer_arithmetic(Runtime& rt, Op op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case Op::Add:
      return __builtin_add_overflow(a, b, &result) ? overflow(rt) : Value(result);
    case Op::Subtract:
      return __builtin_sub_overflow(a, b, &result) ? overflow(rt) : Value(result);
    case Op::Multiply:
      return __builtin_mul_overflow(a, b, &result) ? overflow(rt) : Value(result);
    case Op::Power:
      return integer_power(rt, a, b);
    default:
      break;
  }
  if (b == 0) return rt.fail("division by zero");
  if (op == Op::Divide) return static_cast<double>(a) / static_cast<double>(b);
  if (b == -1) {  // INT64_MIN / -1 overflows
    if (op == Op::Modulo) return int64_t{0};
    return __builtin_sub_overflow(int64_t{0}, a, &result) ? overflow(rt) : Value(result);
  }
  const int64_t remainder = a % b;
  const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);  // towards minus infinity
  if (op == Op::Modulo) return adjust ? remainder + b : remainder;
  return adjust ? a / b - 1 : a / b;
}

Value float_arithmetic(Runtime& rt, Op op, double a, double b) {
  switch (op) {
    case Op::Add:
      return a + b;
    case Op::Subtract:
      return a - b;
    case Op::Multiply:
      return a * b;
    case Op::Power: {
      const double result = std::pow(a, b);
      if (a == 0 && b < 0) return rt.fail("zero cannot be raised to a negative power");
      if (std::isinf(result) && std::isfinite(a) && std::isfinite(b))
        return rt.fail("the result is too large");
      if (std::isnan(result) && !std::isnan(a) && !std::isnan(b))
        return rt.fail("the result is not a real number");
      return result;
    }
    default:
      break;
  }
  if (b == 0) return rt.fail("division by zero");
  if (op == Op::Divide) return a / b;
  double remainder = std::fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  if (remainder == 0) remainder = std::copysign(0.0, b);
  if (op == Op::Modulo) return remainder;
  const double quotient = (a - remainder) / b;
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value repeat_string(Runtime& rt, const StringRep& text, int64_t times) {
  if (times <= 0 || text.text.empty()) return rt.string({}, text.markup);
  const auto count = static_cast<uint64_t>(times);
  if (count > rt.limits().string_bytes)
    return rt.exceed("bytes in one string", rt.limits().string_bytes);
  if (!rt.room_for_string(count * text.text.size())) return {};
  std::string out;
  out.reserve(count * text.text.size());
  for (uint64_t i = 0; i < count; ++i) out += text.text;
  return rt.string(std::move(out), text.markup);
}

Value repeat_list(Runtime& rt, const ListRep& list, int64_t times) {
  if (times <= 0 || list.items.empty()) return rt.list({}, list.form);
  const auto count = static_cast<uint64_t>(times);
  if (count > rt.limits().list_items) return rt.exceed("items in one list", rt.limits().list_items);
  if (!rt.room_for_items(count * list.items.size())) return {};
  std::vector<Value> items;
  items.reserve(count * list.items.size());
  for (uint64_t i = 0; i < count; ++i)
    items.insert(items.end(), list.items.begin(), list.items.end());
  return rt.list(std::move(items), list.form);
}

bool is_plain_sequence(const Value& value) {
  return value.is_form(ListForm::List) || value.is_form(ListForm::Tuple);
}

Value multiply(Runtime& rt, const Value& a, const Value& b) {
  if (b.is_integer() && a.is_string()) return repeat_string(rt, a.string(), b.integer());
  if (a.is_integer() && b.is_string()) return repeat_string(rt, b.string(), a.integer());
  if (b.is_integer() && is_plain_sequence(a)) return repeat_list(rt, a.list(), b.integer());
  if (a.is_integer() && is_plain_sequence(b)) return repeat_list(rt, b.list(), a.integer());
  return mismatch(rt, Op::Multiply, a, b);
}

// A string marked safe escapes what is added to it.
Value add_strings(Runtime& rt, const StringRep& a, const StringRep& b) {
  const bool markup = a.markup || b.markup;
  std::string out = markup && !a.markup ? escape_html(a.text) : a.text;
  if (!rt.room_for_string(out.size() + b.text.size())) return {};
  out += markup && !b.markup ? escape_html(b.text) : b.text;
  return rt.string(std::move(out), markup);
}

Value add(Runtime& rt, const Value& a, const Value& b) {
  if (a.is_string() && b.is_string()) return add_strings(rt, a.string(), b.string());
  if (is_plain_sequence(a) && is_plain_sequence(b) && a.list().form == b.list().form) {
    if (!rt.room_for_items(a.items().size() + b.items().size())) return {};
    std::vector<Value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return rt.list(std::move(items), a.list().form);
  }
  return mismatch(rt, Op::Add, a, b);
}

}  // namespace

Value arithmetic(Runtime& rt, Op op, const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return integer_arithmetic(rt, op, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return float_arithmetic(rt, op, a.number(), b.number());
  if (op == Op::Modulo && a.is_string()) return percent_format(rt, a, b);
  if (a.is_undefined()) return rt.fail(a.undefined_message());
  if (b.is_undefined()) return rt.fail(b.undefined_message());
  if (op == Op::Add) return add(rt, a, b);
  if (op == Op::Multiply) return multiply(rt, a, b);
  return mismatch(rt, op, a, b);
}

Value negate(Runtime& rt, const Value& value) {
  if (value.is_float()) return -value.number();
  if (value.is_integer()) return integer_arithmetic(rt, Op::Subtract, 0, value.integer());
  if (value.is_undefined()) return rt.fail(value.undefined_message());
  return rt.fail(concat("a ", value.type_name(), " has no negative"));
}

}  // namespace etb::prompt::jinja
