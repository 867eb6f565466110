// The events of one request, from the thread that makes them to whoever reads them. It has room for
// all of them - a request's tokens are kilobytes - so that a slow or paused reader never holds up
// the model. Any thread may call anything; there is one reader.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

namespace etb::stream {

template <class Event>
class EventQueue {
 public:
  // Called after each push, on the pushing thread, and once by set_wakeup() if something waits
  // already. Must only arrange for somebody to read, e.g. post to a UI thread. May be empty.
  using Wakeup = std::function<void()>;

  void set_wakeup(Wakeup wakeup) {
    bool waits = false;
    {
      const std::lock_guard lock(mutex_);
      wakeup_ = wakeup;
      waits = !events_.empty();
    }
    if (waits && wakeup) wakeup();
  }

  // The last event of a request closes the queue: what is pushed later is dropped.
  void push(Event event, bool last = false) {
    Wakeup wakeup;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      closed_ = last;
      events_.push_back(std::move(event));
      wakeup = wakeup_;
    }
    arrived_.notify_all();
    if (wakeup) wakeup();
  }

  // The oldest event, if there is one.
  std::optional<Event> try_pop() {
    const std::lock_guard lock(mutex_);
    return pop_locked();
  }

  // Waits for one. nullopt after `patience`, or at once if the last one has been read.
  std::optional<Event> pop(std::chrono::nanoseconds patience) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, patience, [this] { return !events_.empty() || closed_; });
    return pop_locked();
  }

  // The last event has been read: nothing more will come.
  bool exhausted() const {
    const std::lock_guard lock(mutex_);
    return closed_ && events_.empty();
  }

 private:
  std::optional<Event> pop_locked() {
    if (events_.empty()) return std::nullopt;
    std::optional<Event> event(std::move(events_.front()));
    events_.pop_front();
    return event;
  }

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Event> events_;
  bool closed_ = false;
  Wakeup wakeup_;
};

}  // namespace etb::stream
