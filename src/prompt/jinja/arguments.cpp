#include "prompt/jinja/arguments.h"

#include <algorithm>

namespace etb::prompt::jinja {

const Value* Arguments::find(std::string_view name) const {
  for (const auto& [key, value] : keyword) {
    if (key->text == name) return &value;
  }
  return nullptr;
}

Bound::Bound(Runtime& runtime, std::string_view function, const Arguments& arguments,
             std::initializer_list<Parameter> parameters)
    : runtime_(runtime), function_(function), given_(parameters.size(), false) {
  for (const Parameter& parameter : parameters) {
    names_.push_back(parameter.name);
    values_.push_back(parameter.fallback);
  }
  take_positional(arguments);
  take_keywords(arguments);
  size_t index = 0;
  for (const Parameter& parameter : parameters) {
    if (parameter.required && !given_[index]) {
      runtime_.fail(concat(function_, "() misses its argument '", parameter.name, "'"));
    }
    ++index;
  }
}

void Bound::take_positional(const Arguments& arguments) {
  if (arguments.positional.size() > values_.size()) {
    runtime_.fail(concat(function_, "() takes at most ", values_.size(), " arguments, not ",
                         arguments.positional.size()));
  }
  const size_t count = std::min(arguments.positional.size(), values_.size());
  for (size_t i = 0; i < count; ++i) {
    values_[i] = arguments.positional[i];
    given_[i] = true;
  }
}

void Bound::take_keywords(const Arguments& arguments) {
  for (const auto& [key, value] : arguments.keyword) {
    const auto name = std::find(names_.begin(), names_.end(), key->text);
    const auto index = static_cast<size_t>(name - names_.begin());
    if (name == names_.end() || given_[index]) {
      runtime_.fail(concat(function_, "() got an unexpected keyword argument '", key->text, "'"));
      return;
    }
    values_[index] = value;
    given_[index] = true;
  }
}

int64_t Bound::integer(size_t index) const {
  if (values_[index].is_integer()) return values_[index].integer();
  runtime_.fail(concat(function_, "(): '", names_[index], "' must be an integer, not ",
                       values_[index].type_name()));
  return 0;
}

std::string_view Bound::text(size_t index) const {
  if (values_[index].is_string()) return values_[index].text();
  runtime_.fail(concat(function_, "(): '", names_[index], "' must be a string, not ",
                       values_[index].type_name()));
  return {};
}

}  // namespace etb::prompt::jinja
