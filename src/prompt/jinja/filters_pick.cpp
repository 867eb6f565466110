// Filters that apply other filters and tests to each item: map, select, reject and their attribute
// forms. They give iterators, as in Python.
#include <optional>

#include "prompt/jinja/attributes.h"
#include "prompt/jinja/builtins.h"
#include "prompt/jinja/operators.h"

namespace etb::prompt::jinja {
namespace {

Arguments without_first(const Arguments& arguments, size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<ptrdiff_t>(count),
                         arguments.positional.end());
  rest.keyword = arguments.keyword;
  return rest;
}

Value map_attribute(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "map", arguments, {{"attribute"}, {"default", false, nullptr}});
  std::vector<Value> out;
  const Value::ListPtr items = walk(rt, input);
  for (const Value& item : items->items) {
    if (rt.failed()) break;
    Value value = get_path(rt, item, bound[0]);
    if (value.is_undefined() && !bound[1].is_none()) value = bound[1];
    out.push_back(std::move(value));
  }
  return rt.iterator(std::move(out));
}

Value map(Runtime& rt, const Value& input, const Arguments& arguments) {
  if (!input.truthy()) return rt.iterator({});  // jinja2 does not even look at none
  if (arguments.positional.empty() && arguments.find("attribute")) {
    return map_attribute(rt, input, arguments);
  }
  if (arguments.positional.empty() || !arguments.positional[0].is_string()) {
    rt.fail("map() needs the name of a filter");
    return rt.iterator({});
  }
  const std::string_view name = arguments.positional[0].text();
  const Filter* filter = find_filter(name);
  const Arguments rest = without_first(arguments, 1);
  std::vector<Value> out;
  const Value::ListPtr items = walk(rt, input);
  for (const Value& item : items->items) {
    if (!filter) rt.fail(concat("there is no filter '", name, "'"));
    if (!rt.spend(1)) break;
    Value mapped = filter->apply(rt, item, rest);
    if (rt.failed()) break;
    out.push_back(std::move(mapped));
  }
  return rt.iterator(std::move(out));
}

template <bool wanted, bool by_attribute>
Value pick(Runtime& rt, const Value& input, const Arguments& arguments) {
  constexpr size_t kTestAt = by_attribute ? 1 : 0;
  if (!input.truthy()) return rt.iterator({});
  if (by_attribute && arguments.positional.empty()) {
    return rt.fail("selectattr and rejectattr need the name of an attribute");
  }
  const Test* test = nullptr;
  const bool has_test = arguments.positional.size() > kTestAt;
  if (has_test) {
    const Value& name = arguments.positional[kTestAt];
    test = name.is_string() ? find_test(name.text()) : nullptr;
  }
  const Arguments rest = without_first(arguments, has_test ? kTestAt + 1 : kTestAt);
  std::vector<Value> out;
  const Value::ListPtr items = walk(rt, input);
  for (const Value& item : items->items) {
    if (has_test && !test) rt.fail("there is no such test");
    if (!rt.spend(1)) break;
    const Value value = by_attribute ? get_path(rt, item, arguments.positional[0]) : item;
    const bool holds = test ? test->apply(rt, value, rest) : value.truthy();
    if (rt.failed()) break;
    if (holds == wanted) out.push_back(item);
  }
  return rt.iterator(std::move(out));
}

Value attr(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "attr", arguments, {{"name"}});
  if (!bound[0].is_string()) return rt.fail("attr() needs the name of an attribute");
  if (input.is_undefined()) return rt.fail(input.undefined_message());
  if (input.is_dict() && !find_method(input, bound.text(0))) {
    return Value::undefined_attribute("dict", bound[0].string_ptr());  // never an item
  }
  return get_attribute(rt, input, bound[0].string_ptr());
}

constexpr Filter kFilters[] = {{"map", map},
                               {"select", pick<true, false>},
                               {"reject", pick<false, false>},
                               {"selectattr", pick<true, true>},
                               {"rejectattr", pick<false, true>},
                               {"attr", attr}};

}  // namespace

std::span<const Filter> pick_filters() {
  return kFilters;
}

const Filter* find_filter(std::string_view name) {
  for (const std::span<const Filter> table :
       {text_filters(), list_filters(), pick_filters(), number_filters()}) {
    for (const Filter& filter : table) {
      if (filter.name == name) return &filter;
    }
  }
  return nullptr;
}

}  // namespace etb::prompt::jinja
