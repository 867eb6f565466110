// One running for loop: which item comes next, and what `loop` says about it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "prompt/jinja/arguments.h"
#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

class Loop : public Object {
 public:
  // Decides whether an item takes part (the `if` of a for tag); asked when the item is reached,
  // since the body may change what it depends on.
  using Filter = std::function<bool(const Value& item)>;
  // Renders the loop again over other items: loop(children) of a recursive loop.
  using Recurse = std::function<Value(const Value& items, uint32_t depth0)>;

  Loop(Value::ListPtr items, Filter filter, Recurse recurse, uint32_t depth0)
      : items_(std::move(items)),
        filter_(std::move(filter)),
        recurse_(std::move(recurse)),
        depth0_(depth0) {}

  // Moves to the next item; null: there is none.
  const Value* next();
  // The loop is over: what it refers to (scopes, the interpreter's frames) may go.
  void close();

  std::string_view type_name() const override { return "LoopContext"; }
  std::string repr(size_t limit, Marks marks) const override;
  bool callable() const override { return recurse_ != nullptr; }
  Value attribute(Runtime& runtime, std::string_view name) override;
  Value call(Runtime& runtime, const Arguments& arguments) override;
  Value cycle(Runtime& runtime, const Arguments& arguments) const;
  bool changed(Runtime& runtime, const Arguments& arguments);

 private:
  const Value* peek();
  int64_t count();
  Value position(std::string_view name);

  Value::ListPtr items_;  // null: the loop is over
  Filter filter_;
  Recurse recurse_;
  uint32_t depth0_;
  int64_t index0_ = -1;
  size_t ahead_ = 0;                   // first item not yet looked at
  std::vector<const Value*> waiting_;  // items known to take part, not yet reached
  size_t waiting_at_ = 0;
  const Value* current_ = nullptr;
  const Value* before_ = nullptr;
  std::optional<Value> last_changed_;
};

}  // namespace etb::prompt::jinja
