// The global functions: range, dict, namespace, raise_exception, strftime_now, joiner, cycler.
#include "prompt/civil_time.h"
#include "prompt/jinja/builtins.h"
#include "prompt/jinja/namespace.h"
#include "prompt/jinja/operators.h"

namespace etb::prompt::jinja {
namespace {

struct Function {
  std::string_view name;
  Value (*apply)(Runtime& runtime, const Arguments& arguments);
};

class FunctionObject : public Object {
 public:
  explicit FunctionObject(const Function& function) : function_(function) {}
  std::string_view type_name() const override { return "function"; }
  bool callable() const override { return true; }
  Value call(Runtime& rt, const Arguments& arguments) override {
    return function_.apply(rt, arguments);
  }

 private:
  const Function& function_;
};

// The first call gives nothing, every later one the separator.
class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Runtime& rt, const Arguments& arguments) override {
    const Bound bound(rt, "joiner", arguments, {});
    if (!std::exchange(used_, true)) return Value("");
    return separator_;
  }

 private:
  Value separator_;
  bool used_ = false;
};

class Cycler : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  Value attribute(Runtime& rt, std::string_view name) override;
  Value next() {
    const Value value = items_[at_];
    at_ = (at_ + 1) % items_.size();
    return value;
  }
  void reset() { at_ = 0; }

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
};

class CyclerMethod : public Object {
 public:
  CyclerMethod(Cycler& cycler, bool next) : cycler_(cycler), next_(next) {}
  std::string_view type_name() const override { return "method"; }
  bool callable() const override { return true; }
  Value call(Runtime& rt, const Arguments& arguments) override {
    const Bound bound(rt, "cycler method", arguments, {});
    if (next_) return cycler_.next();
    cycler_.reset();
    return nullptr;
  }

 private:
  Cycler& cycler_;
  bool next_;
};

Value Cycler::attribute(Runtime& rt, std::string_view name) {
  if (name == "current") return items_[at_];
  if (name == "next" || name == "reset") return Value(rt.make<CyclerMethod>(*this, name == "next"));
  return {};
}

Value range(Runtime& rt, const Arguments& arguments) {
  const Bound bound(rt, "range", arguments,
                    {{"start"}, {"stop", false, nullptr}, {"step", false, 1}});
  const bool one = !bound.given(1);
  const int64_t start = one ? 0 : bound.integer(0), stop = bound.integer(one ? 0 : 1);
  const int64_t step = bound.integer(2);
  if (step == 0) return rt.fail("range(): the step cannot be zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(items.size()) >= kMaxRange) {
      return rt.exceed("numbers in one range", static_cast<uint64_t>(kMaxRange));
    }
    items.push_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return rt.list(std::move(items), ListForm::Range);
}

void fill_dict(Runtime& rt, Dict& dict, const Value& source) {
  if (source.is_dict()) {
    for (const auto& [key, value] : source.dict().entries()) set_key(rt, dict, key, value);
    return;
  }
  const Value::ListPtr pairs = walk(rt, source);
  for (const Value& pair : pairs->items) {
    const Value::ListPtr parts = walk(rt, pair);
    if (parts->items.size() != 2) {
      rt.fail("dict() needs pairs");
      return;
    }
    set_key(rt, dict, parts->items[0], parts->items[1]);
  }
}

Value dict(Runtime& rt, const Arguments& arguments) {
  if (arguments.positional.size() > 1) return rt.fail("dict() takes one mapping or list of pairs");
  Dict made;
  if (!arguments.positional.empty()) fill_dict(rt, made, arguments.positional[0]);
  for (const auto& [name, value] : arguments.keyword) made.set(name->text, value);
  return rt.dict(std::move(made));
}

Value make_namespace(Runtime& rt, const Arguments& arguments) {
  const Value start = dict(rt, arguments);
  if (rt.failed()) return {};
  auto* made = rt.make<Namespace>();
  for (const auto& [key, value] : start.dict().entries()) {
    if (key.is_string()) made->set(rt, key.text(), value);
  }
  return Value(made);
}

Value raise_exception(Runtime& rt, const Arguments& arguments) {
  const Bound bound(rt, "raise_exception", arguments, {{"message"}});
  return rt.refuse(rt.text_of(bound[0]));
}

Value strftime_now(Runtime& rt, const Arguments& arguments) {
  const Bound bound(rt, "strftime_now", arguments, {{"format"}});
  const std::string_view format = bound.text(0);
  std::string text = format_time(civil_from_seconds(rt.now_seconds().value_or(0)), format);
  return rt.string(std::move(text));
}

Value joiner(Runtime& rt, const Arguments& arguments) {
  const Bound bound(rt, "joiner", arguments, {{"sep", false, ", "}});
  return Value(rt.make<Joiner>(bound[0]));
}

Value cycler(Runtime& rt, const Arguments& arguments) {
  if (arguments.positional.empty()) return rt.fail("cycler() needs at least one item");
  return Value(rt.make<Cycler>(arguments.positional));
}

constexpr Function kFunctions[] = {{"range", range},
                                   {"dict", dict},
                                   {"namespace", make_namespace},
                                   {"raise_exception", raise_exception},
                                   {"joiner", joiner},
                                   {"cycler", cycler},
                                   {"strftime_now", strftime_now}};

}  // namespace

std::string Namespace::repr(size_t limit, Marks marks) const {
  if (printing_) return "<Namespace ...>";
  printing_ = true;
  std::string out = "<Namespace {";
  for (size_t i = 0; i < attributes_.size() && out.size() <= limit; ++i) {
    if (i > 0) out += ", ";
    append_string_repr(out, attributes_[i].first, marks);
    out += ": ";
    out += to_repr(attributes_[i].second, limit - std::min(limit, out.size()), marks);
  }
  printing_ = false;
  return out += "}>";
}

Value Namespace::attribute(Runtime& rt, std::string_view name) {
  rt.spend(attributes_.size() / 16);
  for (const auto& [key, value] : attributes_) {
    if (key == name) return value;
  }
  return {};
}

void Namespace::set(Runtime& rt, std::string_view name, Value value) {
  rt.spend(attributes_.size() / 16);
  for (auto& [key, old] : attributes_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  if (!rt.room_for_items(attributes_.size())) return;
  rt.meter().live += sizeof(attributes_[0]) + name.size();
  attributes_.emplace_back(std::string(name), std::move(value));
}

Value find_global(Runtime& rt, std::string_view name) {
  for (const Function& function : kFunctions) {
    if (function.name != name) continue;
    if (name == "strftime_now" && !rt.now_seconds()) return {};  // the caller gave no time
    return Value(rt.make<FunctionObject>(function));
  }
  return {};
}

}  // namespace etb::prompt::jinja
