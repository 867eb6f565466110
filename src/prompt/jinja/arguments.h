// The arguments of a call, and their binding to parameter names as Python does it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prompt/jinja/runtime.h"
#include "prompt/value.h"

namespace etb::prompt::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<Value::StringPtr, Value>> keyword;

  const Value* find(std::string_view name) const;
};

// A parameter of a builtin; without a default it must be given.
struct Parameter {
  std::string_view name;
  bool required = true;
  Value fallback = {};
};

// Arguments sorted into parameters: bound[i] is parameter i. Fails the render (and then holds the
// fallbacks) on missing, unknown or surplus arguments.
class Bound {
 public:
  Bound(Runtime& runtime, std::string_view function, const Arguments& arguments,
        std::initializer_list<Parameter> parameters);

  const Value& operator[](size_t index) const { return values_[index]; }
  bool given(size_t index) const { return given_[index]; }
  // The argument as an integer or text; fails the render, naming the parameter, if it is neither.
  int64_t integer(size_t index) const;
  std::string_view text(size_t index) const;

 private:
  void take_positional(const Arguments& arguments);
  void take_keywords(const Arguments& arguments);

  Runtime& runtime_;
  std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<Value> values_;
  std::vector<bool> given_;
};

}  // namespace etb::prompt::jinja
