// Filters on sequences and mappings: size, ends, order, groups.
#include <algorithm>

#include "prompt/jinja/attributes.h"
#include "prompt/jinja/builtins.h"
#include "prompt/jinja/operators.h"
#include "prompt/jinja/sort_key.h"
#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

Value length(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "length", arguments, {});
  return static_cast<int64_t>(length_of(rt, input));
}

Value default_filter(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "default", arguments,
                    {{"default_value", false, ""}, {"boolean", false, false}});
  const bool replace = input.is_undefined() || (bound[1].truthy() && !input.truthy());
  return replace ? bound[0] : input;
}

Value first(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "first", arguments, {});
  if (input.is_form(ListForm::Iterator) && !input.list().spent && !input.items().empty()) {
    input.list().spent = true;  // a later failure of the iterator is never reached
    return input.items().front();
  }
  const Value::ListPtr items = walk(rt, input);
  if (items->items.empty())
    return Value::undefined_because("no first item, the sequence was empty");
  return items->items.front();
}

Value last(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "last", arguments, {});
  if (input.is_form(ListForm::Iterator)) return rt.fail("an iterator has no last item");
  const Value::ListPtr items = walk(rt, input);
  if (items->items.empty()) return Value::undefined_because("no last item, the sequence was empty");
  return items->items.back();
}

Value list(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "list", arguments, {});
  return rt.list(walk(rt, input)->items);
}

Value join(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "join", arguments, {{"d", false, ""}, {"attribute", false, nullptr}});
  const std::string separator = rt.text_of(bound[0]);
  const Value::ListPtr items = walk(rt, input);
  std::string out;
  for (size_t i = 0; i < items->items.size() && !rt.failed(); ++i) {
    const std::string text = rt.text_of(get_path(rt, items->items[i], bound[1]));
    if (!rt.room_for_string(out.size() + separator.size() + text.size())) return {};
    if (i > 0) out += separator;
    out += text;
  }
  return rt.string(std::move(out));
}

Value items(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "items", arguments, {});
  std::vector<Value> out;
  if (!input.is_dict()) {
    if (!input.is_undefined()) rt.fail(concat("a ", input.type_name(), " has no items"));
    return rt.iterator({});
  }
  if (!rt.room_for_items(input.dict().size())) return {};
  for (const auto& [key, value] : input.dict().entries()) {
    out.push_back(rt.list({key, value}, ListForm::Tuple));
  }
  return rt.iterator(std::move(out));
}

Value dictsort(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(
      rt, "dictsort", arguments,
      {{"case_sensitive", false, false}, {"by", false, "key"}, {"reverse", false, false}});
  const std::string_view by = bound.text(1);
  if (by != "key" && by != "value") return rt.fail("dictsort(): sorted by 'key' or by 'value'");
  if (!input.is_dict()) return rt.fail(concat("dictsort needs a mapping, not ", input.type_name()));
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : input.dict().entries()) {
    const Value& wanted = by == "key" ? key : value;
    keyed.push_back({bound[0].truthy() ? wanted : fold_case(rt, wanted),
                     rt.list({key, value}, ListForm::Tuple)});
  }
  return rt.list(sort_keyed(rt, std::move(keyed), bound[2].truthy()));
}

// The sort key of an item: the list of what the comma-separated attributes give.
Value multi_key(Runtime& rt, const Value& item, const Value& attributes, bool case_sensitive) {
  const auto fold = [&](const Value& v) { return case_sensitive ? v : fold_case(rt, v); };
  if (!attributes.is_string()) return fold(get_path(rt, item, attributes));
  std::vector<Value> parts;
  std::string_view rest = attributes.text();
  for (bool more = true; more && !rt.failed();) {
    const size_t comma = rest.find(',');
    parts.push_back(fold(get_path(rt, item, Value(rest.substr(0, comma)))));
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  return rt.list(std::move(parts));
}

Value sort(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(
      rt, "sort", arguments,
      {{"reverse", false, false}, {"case_sensitive", false, false}, {"attribute", false, nullptr}});
  std::vector<Keyed> keyed;
  const Value::ListPtr items = walk(rt, input);
  for (const Value& item : items->items) {
    keyed.push_back({multi_key(rt, item, bound[2], bound[1].truthy()), item});
  }
  return rt.list(sort_keyed(rt, std::move(keyed), bound[0].truthy()));
}

Value unique(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "unique", arguments,
                    {{"case_sensitive", false, false}, {"attribute", false, nullptr}});
  Dict seen;
  std::vector<Value> out;
  const Value::ListPtr items = walk(rt, input);
  for (const Value& item : items->items) {
    if (rt.failed()) break;
    Value key = get_path(rt, item, bound[1]);
    if (!bound[0].truthy()) key = fold_case(rt, key);
    const size_t before = seen.size();
    set_key(rt, seen, key, nullptr);
    if (seen.size() > before) out.push_back(item);
  }
  return rt.iterator(std::move(out));
}

Value reverse(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "reverse", arguments, {});
  if (input.is_string()) {
    const Value backwards[3] = {nullptr, nullptr, -1};
    return slice(rt, input, backwards);
  }
  const Value::ListPtr items = walk(rt, input);
  if (rt.failed()) return {};
  std::vector<Value> out(items->items.rbegin(), items->items.rend());
  if (input.is_form(ListForm::Iterator)) return rt.list(std::move(out));
  return rt.iterator(std::move(out));
}

template <bool largest>
Value extreme(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, largest ? "max" : "min", arguments,
                    {{"case_sensitive", false, false}, {"attribute", false, nullptr}});
  const Value::ListPtr items = walk(rt, input);
  if (items->items.empty()) return Value::undefined_because("no item, the sequence was empty");
  Value best, best_key;
  for (size_t i = 0; i < items->items.size() && !rt.failed(); ++i) {
    Value key = get_path(rt, items->items[i], bound[1]);
    if (!bound[0].truthy()) key = fold_case(rt, key);
    const int sign = i == 0 ? 0 : order(rt, key, best_key);
    if (i > 0 && (largest ? sign <= 0 : sign >= 0)) continue;
    best = items->items[i];
    best_key = std::move(key);
  }
  return best;
}

Value sum(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "sum", arguments, {{"attribute", false, nullptr}, {"start", false, 0}});
  if (bound[1].is_string()) return rt.fail("sum() adds no strings");
  Value total = bound[1];
  const Value::ListPtr items = walk(rt, input);
  for (const Value& item : items->items) {
    if (rt.failed()) break;
    total = arithmetic(rt, Op::Add, total, get_path(rt, item, bound[0]));
  }
  return total;
}

Value batch(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "batch", arguments, {{"linecount"}, {"fill_with", false, nullptr}});
  const int64_t size = bound.integer(0);
  const Value::ListPtr items = walk(rt, input);
  std::vector<Value> out, row;
  for (const Value& item : items->items) {
    if (rt.failed()) break;
    if (static_cast<int64_t>(row.size()) == size) {
      out.push_back(rt.list(std::move(row)));
      row.clear();
    }
    row.push_back(item);
  }
  if (!row.empty()) {
    const auto missing = size - static_cast<int64_t>(row.size());
    if (!bound[1].is_none() && missing > 0 && rt.room_for_items(static_cast<uint64_t>(missing))) {
      row.insert(row.end(), static_cast<size_t>(missing), bound[1]);
    }
    out.push_back(rt.list(std::move(row)));
  }
  return rt.iterator(std::move(out));
}

Value slice_filter(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "slice", arguments, {{"slices"}, {"fill_with", false, nullptr}});
  const int64_t slices = bound.integer(0);
  const Value::ListPtr items = walk(rt, input);
  if (slices <= 0) {
    if (slices == 0) rt.fail("division by zero");
    return rt.iterator({});
  }
  if (!rt.room_for_items(static_cast<uint64_t>(slices))) return {};
  const auto count = static_cast<int64_t>(items->items.size());
  const int64_t base = count / slices, extra = count % slices;
  std::vector<Value> out;
  int64_t at = 0;
  for (int64_t i = 0; i < slices && !rt.failed(); ++i) {
    const int64_t end = at + base + (i < extra ? 1 : 0);
    std::vector<Value> row(items->items.begin() + at, items->items.begin() + end);
    if (!bound[1].is_none() && i >= extra) row.push_back(bound[1]);
    out.push_back(rt.list(std::move(row)));
    at = end;
  }
  return rt.iterator(std::move(out));
}

// (grouper, list) of groupby.
Value make_group(Runtime& rt, const Value& key, std::vector<Value> members) {
  return rt.list({key, rt.list(std::move(members))}, ListForm::Tuple);
}

Value groupby(Runtime& rt, const Value& input, const Arguments& arguments) {
  const Bound bound(rt, "groupby", arguments,
                    {{"attribute"}, {"default", false, nullptr}, {"case_sensitive", false, false}});
  const auto key_of = [&](const Value& item) {
    Value key = get_path(rt, item, bound[0]);
    return key.is_undefined() && !bound[1].is_none() ? bound[1] : key;
  };
  const auto folded = [&](const Value& item) {
    return bound[2].truthy() ? key_of(item) : fold_case(rt, key_of(item));
  };
  std::vector<Keyed> keyed;
  const Value::ListPtr items = walk(rt, input);
  for (const Value& item : items->items) keyed.push_back({folded(item), item});
  const std::vector<Value> sorted = sort_keyed(rt, std::move(keyed), false);
  std::vector<Value> out;
  for (size_t at = 0; at < sorted.size() && !rt.failed();) {
    const Value key = folded(sorted[at]);
    std::vector<Value> members;
    const Value shown = key_of(sorted[at]);
    while (at < sorted.size() && equal(folded(sorted[at]), key, rt.work())) {
      members.push_back(sorted[at++]);
    }
    out.push_back(make_group(rt, shown, std::move(members)));
  }
  return rt.list(std::move(out));
}

constexpr Filter kFilters[] = {
    {"length", length},     {"count", length},       {"default", default_filter},
    {"d", default_filter},  {"first", first},        {"last", last},
    {"list", list},         {"join", join},          {"items", items},
    {"dictsort", dictsort}, {"sort", sort},          {"unique", unique},
    {"reverse", reverse},   {"min", extreme<false>}, {"max", extreme<true>},
    {"sum", sum},           {"batch", batch},        {"slice", slice_filter},
    {"groupby", groupby}};

}  // namespace

std::span<const Filter> list_filters() {
  return kFilters;
}

}  // namespace etb::prompt::jinja
