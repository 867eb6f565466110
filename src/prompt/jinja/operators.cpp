// Comparison, membership, slices, and walking over values.
#include "prompt/jinja/operators.h"

#include <algorithm>

#include "prompt/unicode.h"

namespace etb::prompt::jinja {
namespace {

Value::ListPtr list_of(Runtime& rt, std::vector<Value> items) {
  Value made = rt.list(std::move(items));
  return made.is_list()
             ? made.list_ptr()
             : std::make_shared<const ListRep>(std::vector<Value>{}, ListForm::List, nullptr);
}

Value::ListPtr characters(Runtime& rt, const StringRep& text) {
  std::vector<Value> items;
  if (!rt.room_for_items(text.length) || !rt.spend(text.length)) return list_of(rt, {});
  items.reserve(text.length);
  const std::string_view bytes = text.text;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = code_point_at(bytes, at).bytes;
    items.push_back(rt.string(std::string(bytes.substr(at, size))));
    at += size;
  }
  return list_of(rt, std::move(items));
}

struct SliceRange {
  int64_t start, stop, step;
};

bool read_bound(Runtime& rt, const Value& bound, int64_t& out) {
  if (bound.is_none()) return false;
  if (!bound.is_integer()) {
    rt.fail("slice bounds must be integers or none");
    return false;
  }
  out = bound.integer();
  return true;
}

// Python's slice.indices().
SliceRange slice_range(Runtime& rt, const Value (&bounds)[3], int64_t length) {
  int64_t step = 1;
  read_bound(rt, bounds[2], step);
  if (step == 0) rt.fail("a slice step cannot be zero");
  const int64_t lowest = step < 0 ? -1 : 0;
  const int64_t highest = step < 0 ? length - 1 : length;
  const auto clamp = [&](int64_t at) {
    if (at < 0) return std::max(at + length, lowest);
    return std::min(at, highest);
  };
  SliceRange range{step < 0 ? highest : lowest, step < 0 ? lowest : highest, step};
  int64_t at = 0;
  if (read_bound(rt, bounds[0], at)) range.start = clamp(at);
  if (read_bound(rt, bounds[1], at)) range.stop = clamp(at);
  return range;
}

template <class Take>
void for_each_index(Runtime& rt, const SliceRange& range, Take take) {
  if (rt.failed()) return;
  for (int64_t i = range.start; range.step > 0 ? i < range.stop : i > range.stop;) {
    take(static_cast<size_t>(i));
    if (__builtin_add_overflow(i, range.step, &i)) break;
  }
}

Value slice_string(Runtime& rt, const StringRep& text, const Value (&bounds)[3]) {
  const SliceRange range = slice_range(rt, bounds, static_cast<int64_t>(text.length));
  if (rt.failed() || !rt.spend_bytes(text.text.size())) return {};
  std::string out;
  if (text.ascii) {
    for_each_index(rt, range, [&](size_t i) { out += text.text[i]; });
    return rt.string(std::move(out), text.markup);
  }
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.text.size(); at += code_point_at(text.text, at).bytes) {
    offsets.push_back(at);
  }
  for_each_index(rt, range, [&](size_t i) {
    const size_t end = i + 1 < offsets.size() ? offsets[i + 1] : text.text.size();
    out.append(text.text, offsets[i], end - offsets[i]);
  });
  return rt.string(std::move(out), text.markup);
}

}  // namespace

int order(Runtime& rt, const Value& a, const Value& b) {
  bool comparable = true;
  const int result = compare(a, b, rt.work(), comparable);
  if (comparable) return result;
  if (a.is_undefined() || b.is_undefined()) {
    rt.fail((a.is_undefined() ? a : b).undefined_message());
  } else {
    rt.fail(concat("a ", a.type_name(), " and a ", b.type_name(), " have no order"));
  }
  return 0;
}

bool compare_values(Runtime& rt, Op op, const Value& a, const Value& b) {
  switch (op) {
    case Op::Equal:
      return equal(a, b, rt.work());
    case Op::NotEqual:
      return !equal(a, b, rt.work());
    case Op::In:
      return contains(rt, b, a);
    case Op::NotIn:
      return !contains(rt, b, a);
    default:
      break;
  }
  if (a.is_number() && b.is_number() && (a.is_float() || b.is_float())) {  // NaN has no order
    const double x = a.number(), y = b.number();
    return op == Op::Less        ? x < y
           : op == Op::LessEqual ? x <= y
           : op == Op::Greater   ? x > y
                                 : x >= y;
  }
  const int result = order(rt, a, b);
  switch (op) {
    case Op::Less:
      return result < 0;
    case Op::LessEqual:
      return result <= 0;
    case Op::Greater:
      return result > 0;
    default:
      return result >= 0;
  }
}

bool contains(Runtime& rt, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::String:
      if (!item.is_string()) {
        rt.fail(concat("'in <string>' needs a string on its left, not ", item.type_name()));
        return false;
      }
      rt.spend_bytes(container.text().size());
      return container.text().find(item.text()) != std::string_view::npos;
    case Kind::Dict:
      if (item.is_string()) return container.dict().find(item.text()) != nullptr;
      return check_key(rt, item) && container.dict().find(item, rt.work()) != nullptr;
    case Kind::Undefined:
    case Kind::List: {
      const Value::ListPtr items = walk(rt, container);
      return std::any_of(items->items.begin(), items->items.end(),
                         [&](const Value& v) { return equal(v, item, rt.work()); });
    }
    default:
      rt.fail(concat("a ", container.type_name(), " holds no items"));
      return false;
  }
}

Value slice(Runtime& rt, const Value& value, const Value (&bounds)[3]) {
  if (value.is_string()) return slice_string(rt, value.string(), bounds);
  if (value.is_undefined()) return rt.fail(value.undefined_message());
  const bool sliceable = value.is_form(ListForm::List) || value.is_form(ListForm::Tuple) ||
                         value.is_form(ListForm::Range);
  if (!sliceable) return rt.fail(concat("a ", value.type_name(), " cannot be sliced"));
  const SliceRange range = slice_range(rt, bounds, static_cast<int64_t>(value.items().size()));
  std::vector<Value> out;
  if (!rt.spend(1 + value.items().size() / 4)) return {};
  for_each_index(rt, range, [&](size_t i) { out.push_back(value.items()[i]); });
  return rt.list(std::move(out), value.list().form);
}

size_t length_of(Runtime& rt, const Value& value) {
  switch (value.kind()) {
    case Kind::Undefined:
      return 0;
    case Kind::String:
      return value.string().length;
    case Kind::Dict:
      return value.dict().size();
    case Kind::List:
      if (value.list().form != ListForm::Iterator) return value.items().size();
      break;
    case Kind::Object:
      if (const auto length = value.object().length()) return *length;
      break;
    default:
      break;
  }
  rt.fail(concat("a ", value.type_name(), " has no length"));
  return 0;
}

Value::ListPtr walk(Runtime& rt, const Value& value) {
  switch (value.kind()) {
    case Kind::List: {
      const ListRep& list = value.list();
      if (list.form != ListForm::Iterator) return value.list_ptr();
      if (list.spent) return list_of(rt, {});
      list.spent = true;
      if (!list.late_error.ok()) rt.fail_with(list.late_error);
      return value.list_ptr();
    }
    case Kind::Dict: {
      std::vector<Value> keys;
      if (!rt.room_for_items(value.dict().size())) return list_of(rt, {});
      for (const auto& [key, item] : value.dict().entries()) keys.push_back(key);
      return list_of(rt, std::move(keys));
    }
    case Kind::String:
      return characters(rt, value.string());
    case Kind::Undefined:
      return list_of(rt, {});
    default:
      rt.fail(concat("a ", value.type_name(), " cannot be walked over"));
  }
  return list_of(rt, {});
}

bool check_key(Runtime& rt, const Value& key) {
  if (hashable(key, rt.work())) return true;
  if (rt.spend(1)) rt.fail(concat("a ", key.type_name(), " cannot be a key"));
  return false;
}

void set_key(Runtime& rt, Dict& dict, Value key, Value value) {
  if (!check_key(rt, key) || !rt.spend(1)) return;
  dict.set(std::move(key), std::move(value), rt.work());
}

}  // namespace etb::prompt::jinja
