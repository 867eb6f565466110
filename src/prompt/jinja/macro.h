// A macro, or the body of a call block, that can be called.
#pragma once

#include "prompt/jinja/interpreter.h"

namespace etb::prompt::jinja {

class Macro : public Object {
 public:
  Macro(Interpreter& interpreter, const Statement& definition, Scope& scope)
      : interpreter_(interpreter), definition_(definition), scope_(scope) {}
  std::string_view type_name() const override { return "Macro"; }
  std::string repr(size_t, Marks) const override {
    const std::string& name = definition_.macro->name;
    return name.empty() ? std::string("<Macro anonymous>") : concat("<Macro '", name, "'>");
  }
  bool callable() const override { return true; }
  Value attribute(Runtime& runtime, std::string_view name) override;
  Value call(Runtime&, const Arguments& arguments) override {
    return interpreter_.call_macro(definition_, scope_, arguments);
  }

 private:
  Interpreter& interpreter_;
  const Statement& definition_;
  Scope& scope_;
};

}  // namespace etb::prompt::jinja
