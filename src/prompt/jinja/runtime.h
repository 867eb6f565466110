// Runtime: the state of one render that operators, filters, tests and methods share: limits, the
// failure, the objects made so far.
//
// Failures are sticky: the first one wins, whatever is computed after it is undefined and thrown
// away, and every loop ends because spend() says no. So code may go on after fail() without harm.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "prompt/jinja/limits.h"
#include "prompt/object.h"
#include "prompt/value.h"

namespace etb::prompt::jinja {

class Runtime {
 public:
  Runtime(const Limits& limits, std::optional<int64_t> now_seconds, Marks marks = {})
      : limits_(limits), now_seconds_(now_seconds), marks_(marks), work_(limits.steps) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // InvalidArgument "line N: message"; returns undefined, so that `return rt.fail(...)` reads well.
  Value fail(std::string_view message);
  // raise_exception(): the message is the template's own.
  Value refuse(std::string_view message);
  Value exceed(std::string_view limit_name, uint64_t limit);
  bool failed() const { return failed_; }
  const Status& status() const { return status_; }
  // Takes the failure back: for iterators, whose failures show only when they are walked.
  Status take_failure();
  void fail_with(Status status);

  // False when the budget is spent or the render has failed.
  bool spend(uint64_t steps) {
    if (failed_) return false;
    if (!work_.spend(steps) || meter_.live > limits_.live_bytes) return out_of_budget();
    return true;
  }
  bool spend_bytes(size_t bytes) { return spend(1 + bytes / 32); }
  // To be asked before something large is built.
  bool room_for_string(uint64_t bytes);
  bool room_for_items(uint64_t items);
  // The same without a charge, for lists that grow one by one.
  bool room_for_more(uint64_t items) {
    return items < limits_.list_items || room_for_items(items + 1);
  }

  Value string(std::string text, bool markup = false);
  Value list(std::vector<Value> items, ListForm form = ListForm::List);
  // An iterator over `items`; a failure that came up while they were computed shows when walked.
  Value iterator(std::vector<Value> items);
  Value dict(Dict dict);
  template <class T, class... Args>
  T* make(Args&&... args) {
    auto object = std::make_unique<T>(std::forward<Args>(args)...);
    T* raw = object.get();
    meter_.live += sizeof(T) + sizeof(object);
    objects_.push_back(std::move(object));
    return raw;
  }

  Work& work() { return work_; }
  MemoryMeter& meter() { return meter_; }
  const Limits& limits() const { return limits_; }
  std::optional<int64_t> now_seconds() const { return now_seconds_; }
  void set_line(uint32_t line) { line_ = line; }
  uint32_t line() const { return line_; }

  // Depth of nested evaluation; enter() fails the render when it is too deep.
  bool enter() { return ++depth_ <= limits_.call_depth || too_deep(); }
  void leave() { --depth_; }

  std::string text_of(const Value& value);  // str(value), within the limits
  std::string repr_of(const Value& value);  // repr(value), as long as the limits or a bit longer
  Marks marks() const { return marks_; }

 private:
  bool out_of_budget();
  bool too_deep();

  const Limits& limits_;
  std::optional<int64_t> now_seconds_;
  Marks marks_;
  Work work_;
  MemoryMeter meter_;  // outlives the objects, whose values count in it
  std::vector<std::unique_ptr<Object>> objects_;
  Status status_;
  bool failed_ = false;
  uint32_t line_ = 0;
  uint32_t depth_ = 0;
};

// Pairs enter() with leave().
class DepthGuard {
 public:
  explicit DepthGuard(Runtime& runtime) : runtime_(runtime), ok_(runtime.enter()) {}
  ~DepthGuard() { runtime_.leave(); }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
  bool ok() const { return ok_; }

 private:
  Runtime& runtime_;
  bool ok_;
};

// What raise_exception puts before the template's own message.
inline constexpr std::string_view kRefusedPrefix = "the chat template refuses: ";

}  // namespace etb::prompt::jinja
