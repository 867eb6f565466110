#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

void Runtime::fail_with(Status status) {
  if (failed_ || status.ok()) return;
  failed_ = true;
  status_ = std::move(status);
}

Value Runtime::fail(std::string_view message) {
  if (!failed_) {
    fail_with(
        Status(StatusCode::InvalidArgument, concat("chat template, line ", line_, ": ", message)));
  }
  return {};
}

Value Runtime::refuse(std::string_view message) {
  if (!failed_) fail_with(Status(StatusCode::InvalidArgument, concat(kRefusedPrefix, message)));
  return {};
}

Value Runtime::exceed(std::string_view limit_name, uint64_t limit) {
  if (!failed_) {
    fail_with(Status(StatusCode::Unsupported,
                     concat("chat template, line ", line_, ": more than ", limit, ' ', limit_name,
                            "; the template loops without end or is not meant for a chat")));
  }
  return {};
}

Status Runtime::take_failure() {
  failed_ = false;
  return std::exchange(status_, Status());
}

bool Runtime::out_of_budget() {
  if (work_.exhausted()) {
    exceed("steps", limits_.steps);
  } else {
    exceed("bytes of values", limits_.live_bytes);
  }
  return false;
}

bool Runtime::too_deep() {
  exceed("levels of nested evaluation", limits_.call_depth);
  return false;
}

bool Runtime::room_for_string(uint64_t bytes) {
  if (failed_) return false;
  if (bytes > limits_.string_bytes) {
    exceed("bytes in one string", limits_.string_bytes);
    return false;
  }
  return spend_bytes(static_cast<size_t>(bytes));
}

bool Runtime::room_for_items(uint64_t items) {
  if (failed_) return false;
  if (items > limits_.list_items) {
    exceed("items in one list", limits_.list_items);
    return false;
  }
  return spend(1 + items / 4);
}

Value Runtime::string(std::string text, bool markup) {
  if (!room_for_string(text.size())) return {};
  return Value(std::make_shared<const StringRep>(std::move(text), markup, &meter_));
}

Value Runtime::list(std::vector<Value> items, ListForm form) {
  if (!room_for_items(items.size())) return {};
  Value made(std::make_shared<const ListRep>(std::move(items), form, &meter_));
  if (made.depth() > kMaxValueDepth) return exceed("levels of nested values", kMaxValueDepth);
  return made;
}

Value Runtime::iterator(std::vector<Value> items) {
  // A spent budget cannot be put off.
  if (work_.exhausted() || status_.code() == StatusCode::Unsupported) return {};
  Status late = take_failure();
  if (!room_for_items(items.size())) return {};
  auto rep = std::make_shared<ListRep>(std::move(items), ListForm::Iterator, &meter_);
  rep->late_error = std::move(late);
  Value made{Value::ListPtr(std::move(rep))};
  if (made.depth() > kMaxValueDepth) return exceed("levels of nested values", kMaxValueDepth);
  return made;
}

Value Runtime::dict(Dict dict) {
  if (!room_for_items(dict.size())) return {};
  dict.set_meter(&meter_);
  if (dict.depth() > kMaxValueDepth) return exceed("levels of nested values", kMaxValueDepth);
  return Value::dict(std::move(dict));
}

std::string Runtime::text_of(const Value& value) {
  std::string text = to_text(value, limits_.string_bytes, marks_);
  room_for_string(text.size());
  return text;
}

std::string Runtime::repr_of(const Value& value) {
  return to_repr(value, limits_.string_bytes, marks_);
}

}  // namespace etb::prompt::jinja
