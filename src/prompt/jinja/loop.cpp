#include "prompt/jinja/loop.h"

namespace etb::prompt::jinja {
namespace {

class LoopMethod : public Object {
 public:
  LoopMethod(Loop& loop, bool cycle) : loop_(loop), cycle_(cycle) {}
  std::string_view type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Runtime& rt, const Arguments& arguments) override {
    if (cycle_) return loop_.cycle(rt, arguments);
    return loop_.changed(rt, arguments);
  }

 private:
  Loop& loop_;
  bool cycle_;
};

}  // namespace

const Value* Loop::peek() {
  if (waiting_at_ < waiting_.size()) return waiting_[waiting_at_];
  waiting_.clear();
  waiting_at_ = 0;
  while (items_ && ahead_ < items_->items.size()) {
    const Value* item = &items_->items[ahead_++];
    if (filter_ && !filter_(*item)) continue;
    waiting_.push_back(item);
    return item;
  }
  return nullptr;
}

const Value* Loop::next() {
  const Value* item = peek();
  if (!item) return nullptr;
  ++waiting_at_;
  ++index0_;
  before_ = current_;
  current_ = item;
  return item;
}

void Loop::close() {
  filter_ = nullptr;
  recurse_ = nullptr;
  items_ = nullptr;
  waiting_.clear();
  waiting_at_ = 0;
  current_ = before_ = nullptr;
}

// Looks at all items that are left, as Python does when a filtered loop is asked for its length.
int64_t Loop::count() {
  if (!items_) return index0_ + 1;
  if (!filter_) return static_cast<int64_t>(items_->items.size());
  while (ahead_ < items_->items.size()) {
    const Value* item = &items_->items[ahead_++];
    if (filter_(*item)) waiting_.push_back(item);
  }
  return index0_ + 1 + static_cast<int64_t>(waiting_.size() - waiting_at_);
}

Value Loop::position(std::string_view name) {
  if (name == "index0") return index0_;
  if (name == "index") return index0_ + 1;
  if (name == "first") return index0_ == 0;
  if (name == "last") return peek() == nullptr;
  if (name == "length") return count();
  if (name == "revindex") return count() - index0_;
  if (name == "revindex0") return count() - index0_ - 1;
  if (name == "depth") return static_cast<int64_t>(depth0_) + 1;
  if (name == "depth0") return static_cast<int64_t>(depth0_);
  return {};
}

Value Loop::attribute(Runtime& rt, std::string_view name) {
  if (name == "previtem") {
    return before_ ? *before_ : Value::undefined_because("there is no previous item");
  }
  if (name == "nextitem") {
    const Value* item = peek();
    return item ? *item : Value::undefined_because("there is no next item");
  }
  if (name == "cycle" || name == "changed") {
    return Value(rt.make<LoopMethod>(*this, name == "cycle"));
  }
  return position(name);
}

std::string Loop::repr(size_t, Marks) const {
  return concat("<LoopContext ", index0_ + 1, "/", items_ ? items_->items.size() : 0, ">");
}

Value Loop::call(Runtime& rt, const Arguments& arguments) {
  if (!recurse_) return rt.fail("loop() is for loops marked 'recursive'");
  const Bound bound(rt, "loop", arguments, {{"iterable"}});
  return recurse_(bound[0], depth0_ + 1);
}

Value Loop::cycle(Runtime& rt, const Arguments& arguments) const {
  const auto& items = arguments.positional;
  if (items.empty()) return rt.fail("loop.cycle() needs at least one item");
  return items[static_cast<size_t>(index0_) % items.size()];
}

bool Loop::changed(Runtime& rt, const Arguments& arguments) {
  const Value value = rt.list(arguments.positional, ListForm::Tuple);
  if (last_changed_ && equal(*last_changed_, value, rt.work())) return false;
  last_changed_ = value;
  return true;
}

}  // namespace etb::prompt::jinja
