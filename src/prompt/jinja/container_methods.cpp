// Methods of lists, tuples and dictionaries. Those that would change their object are listed, so
// that they shadow items of the same name, but refuse to run: values are shared and never change.
#include "prompt/jinja/attributes.h"
#include "prompt/jinja/operators.h"

namespace etb::prompt::jinja {
namespace {

Value list_count(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "count", arguments, {{"value"}});
  int64_t found = 0;
  for (const Value& item : self.items()) found += equal(item, bound[0], rt.work());
  return found;
}

Value list_index(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "index", arguments, {{"value"}});
  for (size_t i = 0; i < self.items().size(); ++i) {
    if (equal(self.items()[i], bound[0], rt.work())) return static_cast<int64_t>(i);
  }
  return rt.fail("index(): the value is not in the list");
}

Value list_copy(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "copy", arguments, {});
  return self;
}

Value dict_get(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "get", arguments, {{"key"}, {"default", false, nullptr}});
  if (!arguments.keyword.empty()) return rt.fail("get() takes no keyword arguments");
  if (!check_key(rt, bound[0])) return {};
  const Value* found = self.dict().find(bound[0], rt.work());
  return found ? *found : bound[1];
}

template <ListForm form>
Value dict_view(Runtime& rt, const Value& self, const Arguments& arguments) {
  const Bound bound(rt, "keys, values or items", arguments, {});
  std::vector<Value> out;
  if (!rt.room_for_items(self.dict().size())) return {};
  out.reserve(self.dict().size());
  for (const auto& [key, value] : self.dict().entries()) {
    if (form == ListForm::Keys) out.push_back(key);
    if (form == ListForm::Values) out.push_back(value);
    if (form == ListForm::Items) out.push_back(rt.list({key, value}, ListForm::Tuple));
  }
  return rt.list(std::move(out), form);
}

constexpr Method kListMethods[] = {
    {"index", list_index},      {"count", list_count},    {"copy", list_copy},
    {"append", nullptr, true},  {"clear", nullptr, true}, {"extend", nullptr, true},
    {"insert", nullptr, true},  {"pop", nullptr, true},   {"remove", nullptr, true},
    {"reverse", nullptr, true}, {"sort", nullptr, true}};

constexpr Method kDictMethods[] = {{"get", dict_get},
                                   {"items", dict_view<ListForm::Items>},
                                   {"keys", dict_view<ListForm::Keys>},
                                   {"values", dict_view<ListForm::Values>},
                                   {"copy", list_copy},
                                   {"fromkeys"},
                                   {"clear", nullptr, true},
                                   {"pop", nullptr, true},
                                   {"popitem", nullptr, true},
                                   {"setdefault", nullptr, true},
                                   {"update", nullptr, true}};

}  // namespace

std::span<const Method> list_methods() {
  return kListMethods;
}

std::span<const Method> dict_methods() {
  return kDictMethods;
}

}  // namespace etb::prompt::jinja
