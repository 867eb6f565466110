#include "engine/request.h"

#include <algorithm>
#include <new>

#include "engine/request_state.h"

namespace etb {
namespace {

// How soon a token set by a signal handler is seen.
constexpr std::chrono::milliseconds kTokenPoll{20};
// No deadline beyond: the clock's type would overflow.
constexpr std::chrono::nanoseconds kForever = std::chrono::hours(24 * 365);

Result<Answer> copy_of(const Answer& answer) {
  try {
    return answer;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::OutOfMemory, "memory ran out while an answer was copied");
  }
}

}  // namespace

std::string_view finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::Stop:
      return "stop";
    case FinishReason::Length:
      return "length";
    case FinishReason::StopString:
      return "stop_string";
    case FinishReason::Cancelled:
      return "cancelled";
    case FinishReason::ToolCalls:
      return "tool_calls";
  }
  return "unknown";
}

void RequestState::nudge() {
  const std::lock_guard lock(mutex_);
  if (nudge_) nudge_();
}

void RequestState::set_nudge(std::function<void()> nudge) {
  const std::lock_guard lock(mutex_);
  nudge_ = std::move(nudge);
}

Request::~Request() {
  state_->events.set_wakeup(nullptr);
  cancel();
}

uint64_t Request::id() const {
  return state_->id;
}

void Request::cancel() {
  state_->cancel->cancel();
  state_->nudge();
}

CancelToken& Request::cancel_token() {
  return *state_->cancel;
}

std::optional<Event> Request::try_next() {
  return state_->events.try_pop();
}

std::optional<Event> Request::next(std::chrono::nanoseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + std::min(patience, kForever);
  bool nudged = false;
  for (;;) {
    if (!nudged && state_->cancelled()) {
      nudged = true;
      state_->nudge();
    }
    const auto left = deadline - std::chrono::steady_clock::now();
    auto event = state_->events.pop(std::min<std::chrono::nanoseconds>(left, kTokenPoll));
    if (event || over() || left <= std::chrono::nanoseconds::zero()) return event;
  }
}

bool Request::over() const {
  return state_->events.exhausted();
}

void Request::set_wakeup(std::function<void()> wakeup) {
  state_->events.set_wakeup(std::move(wakeup));
}

Result<Answer> Request::wait(const TextSink& sink) {
  while (!over()) {
    const auto event = next(std::chrono::seconds(1));
    if (!event) continue;
    if (event->kind == EventKind::Text && sink) sink(event->text);
    if (event->kind == EventKind::Done) return copy_of(*event->answer);
    if (event->kind == EventKind::Failed) return event->status;
  }
  return Status(StatusCode::InvalidArgument, "the request's last event has been read before");
}

}  // namespace etb
