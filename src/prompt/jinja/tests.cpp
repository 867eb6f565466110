// The tests behind `is`.
#include "prompt/jinja/attributes.h"
#include "prompt/jinja/builtins.h"
#include "prompt/jinja/operators.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

using Predicate = bool (*)(const Value&);

template <Predicate holds>
bool plain(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "test", arguments, {});
  return holds(input);
}

template <Op op>
bool compared(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "comparison test", arguments, {{"other"}});
  if (rt.failed()) return false;
  return compare_values(rt, op, input, bound[0]);
}

// value % divisor, compared with `remainder`.
bool leaves(Runtime& rt, const Value& value, const Value& divisor, int64_t remainder) {
  if (value.is_string()) return rt.fail("a string cannot be divided").truthy();
  const Value result = arithmetic(rt, Op::Modulo, value, divisor);
  return result.is_number() && equal(result, remainder, rt.work());
}

bool odd(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "odd", arguments, {});
  return leaves(rt, input, 2, 1);
}

bool even(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "even", arguments, {});
  return leaves(rt, input, 2, 0);
}

bool divisibleby(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "divisibleby", arguments, {{"num"}});
  return leaves(rt, input, bound[0], 0);
}

bool sameas(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "sameas", arguments, {{"other"}});
  const Value& other = bound[0];
  if (input.kind() != other.kind()) return false;
  if (input.identity()) return input.identity() == other.identity();
  return equal(input, other, rt.work());  // none, booleans and numbers are one object each
}

bool in(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "in", arguments, {{"seq"}});
  return !rt.failed() && contains(rt, bound[0], input);
}

bool is_filter_name(const Value& value) {
  return value.is_string() && find_filter(value.text());
}
bool is_test_name(const Value& value) {
  return value.is_string() && find_test(value.text());
}
bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_boolean(const Value& value) {
  return value.is_bool();
}
bool is_true(const Value& value) {
  return value.is_bool() && value.truthy();
}
bool is_false(const Value& value) {
  return value.is_bool() && !value.truthy();
}
bool is_integer(const Value& value) {
  return value.kind() == Kind::Int || value.kind() == Kind::BigInt;
}
bool is_float(const Value& value) {
  return value.is_float();
}
bool is_number(const Value& value) {
  return value.is_number() || value.kind() == Kind::BigInt;
}
bool is_string(const Value& value) {
  return value.is_string();
}
bool is_mapping(const Value& value) {
  return value.is_dict();
}
bool is_escaped(const Value& value) {
  return value.is_string() && value.string().markup;
}
bool is_callable(const Value& value) {
  // jinja2's undefined has a __call__, which is all that Python asks for.
  return value.is_undefined() || (value.is_object() && value.object().callable());
}

// Undefined can be walked and measured, and so can an undefined's items be asked for.
bool is_sequence(const Value& value) {
  if (value.is_list()) {
    const ListForm form = value.list().form;
    return form == ListForm::List || form == ListForm::Tuple || form == ListForm::Range;
  }
  return value.is_string() || value.is_dict() || value.is_undefined();
}
bool is_iterable(const Value& value) {
  return value.is_list() || value.is_string() || value.is_dict() || value.is_undefined();
}

template <bool upper>
bool in_case(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "lower or upper", arguments, {});
  const Value text(rt.text_of(input));
  const Method* method = find_method(text, upper ? "isupper" : "islower");
  return method && call_method(rt, text, *method, {}).truthy();
}

constexpr Test kTests[] = {{"defined", plain<is_defined>},
                           {"undefined", plain<is_undefined>},
                           {"none", plain<is_none>},
                           {"boolean", plain<is_boolean>},
                           {"true", plain<is_true>},
                           {"false", plain<is_false>},
                           {"integer", plain<is_integer>},
                           {"float", plain<is_float>},
                           {"number", plain<is_number>},
                           {"string", plain<is_string>},
                           {"mapping", plain<is_mapping>},
                           {"sequence", plain<is_sequence>},
                           {"iterable", plain<is_iterable>},
                           {"callable", plain<is_callable>},
                           {"escaped", plain<is_escaped>},
                           {"filter", plain<is_filter_name>},
                           {"test", plain<is_test_name>},
                           {"lower", in_case<false>},
                           {"upper", in_case<true>},
                           {"odd", odd},
                           {"even", even},
                           {"divisibleby", divisibleby},
                           {"sameas", sameas},
                           {"in", in},
                           {"==", compared<Op::Equal>},
                           {"eq", compared<Op::Equal>},
                           {"equalto", compared<Op::Equal>},
                           {"!=", compared<Op::NotEqual>},
                           {"ne", compared<Op::NotEqual>},
                           {">", compared<Op::Greater>},
                           {"gt", compared<Op::Greater>},
                           {"greaterthan", compared<Op::Greater>},
                           {">=", compared<Op::GreaterEqual>},
                           {"ge", compared<Op::GreaterEqual>},
                           {"<", compared<Op::Less>},
                           {"lt", compared<Op::Less>},
                           {"lessthan", compared<Op::Less>},
                           {"<=", compared<Op::LessEqual>},
                           {"le", compared<Op::LessEqual>}};

}  // namespace

const Test* find_test(std::string_view name) {
  for (const Test& test : kTests) {
    if (test.name == name) return &test;
  }
  return nullptr;
}

}  // namespace etb::prompt::jinja
