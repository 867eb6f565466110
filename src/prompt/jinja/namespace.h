// namespace(): the one thing in a template that can be changed, attribute by attribute.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

class Namespace : public Object {
 public:
  std::string_view type_name() const override { return "Namespace"; }
  std::string repr(size_t limit, Marks marks) const override;
  Value attribute(Runtime& runtime, std::string_view name) override;
  void set(Runtime& runtime, std::string_view name, Value value);

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
  mutable bool printing_ = false;  // it may hold itself
};

}  // namespace etb::prompt::jinja
