// value.name and value[key]: items of containers, methods of strings, lists and dictionaries.
#pragma once

#include <span>
#include <string_view>

#include "prompt/jinja/arguments.h"
#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

// A method of a builtin type. Without `apply` it exists but cannot be called here; `changes`: it
// would change its object, which templates may not do.
struct Method {
  std::string_view name;
  Value (*apply)(Runtime& runtime, const Value& self, const Arguments& arguments) = nullptr;
  bool changes = false;
};

std::span<const Method> string_methods();
std::span<const Method> list_methods();
std::span<const Method> dict_methods();
const Method* find_method(const Value& self, std::string_view name);
Value call_method(Runtime& runtime, const Value& self, const Method& method,
                  const Arguments& arguments);

// As jinja2 looks them up: .name means the method first, then the item; [key] the other way round.
// Undefined when there is neither; fails the render when `owner` is undefined itself.
Value get_attribute(Runtime& runtime, const Value& owner, const Value::StringPtr& name);
Value get_item(Runtime& runtime, const Value& owner, const Value& key);

// "a.b.0" as filters take it: each part through get_item. The value itself when `path` is none.
Value get_path(Runtime& runtime, const Value& owner, const Value& path);

// Calls macros, methods and functions.
Value call_value(Runtime& runtime, const Value& callee, const Arguments& arguments);

}  // namespace etb::prompt::jinja
