// Things in a template that are more than data: macros, methods bound to a value, namespaces,
// loops. They live as long as one render and are owned by it; a Value only points to them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "prompt/value.h"

namespace etb::prompt {

namespace jinja {
class Runtime;
struct Arguments;
}  // namespace jinja

class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;

  virtual std::string_view type_name() const = 0;
  virtual std::string repr(size_t limit, Marks marks) const;
  virtual bool callable() const { return false; }
  virtual bool truthy() const { return true; }
  virtual std::optional<size_t> length() const { return std::nullopt; }
  // Undefined when there is no such attribute.
  virtual Value attribute(jinja::Runtime& runtime, std::string_view name);
  virtual Value call(jinja::Runtime& runtime, const jinja::Arguments& arguments);
};

}  // namespace etb::prompt
