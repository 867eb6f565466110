// The events of one request, from the thread that makes them to whoever reads them. It has room for
// all of them - a request's tokens are kilobytes - so that a slow or paused reader never holds up
// the model. Any thread may call anything; there is one reader.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
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

  // When this returns, the wakeup before is not running and never will again - unless it is the
  // caller. Hold no lock that it takes.
  void set_wakeup(Wakeup wakeup) {
    const auto shared = wakeup ? std::make_shared<const Wakeup>(std::move(wakeup))
                               : std::shared_ptr<const Wakeup>();
    const std::lock_guard calling(calling_);
    bool waits = false;
    {
      const std::lock_guard lock(mutex_);
      wakeup_ = shared;
      waits = !empty_locked();
    }
    if (waits && shared) (*shared)();
  }

  // What is pushed after the last event is dropped. Throws bad_alloc if there is no memory.
  void push(Event event) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      events_.push_back(std::move(event));
    }
    tell();
  }

  // The last event of a request closes the queue. There is always room for it.
  void push_last(Event event) noexcept {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      closed_ = true;
      last_.emplace(std::move(event));
    }
    tell();
  }

  // The oldest event, if there is one.
  std::optional<Event> try_pop() {
    const std::lock_guard lock(mutex_);
    return pop_locked();
  }

  // Waits for one. nullopt after `patience`, or at once if the last one has been read.
  std::optional<Event> pop(std::chrono::nanoseconds patience) {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, patience, [this] { return !empty_locked() || closed_; });
    return pop_locked();
  }

  // The last event has been read: nothing more will come.
  bool exhausted() const {
    const std::lock_guard lock(mutex_);
    return closed_ && empty_locked();
  }

 private:
  bool empty_locked() const { return events_.empty() && !last_; }

  std::optional<Event> pop_locked() {
    if (events_.empty()) return std::exchange(last_, std::nullopt);
    std::optional<Event> event(std::move(events_.front()));
    events_.pop_front();
    return event;
  }

  void tell() {
    arrived_.notify_all();
    const std::lock_guard calling(calling_);
    std::shared_ptr<const Wakeup> wakeup;
    {
      const std::lock_guard lock(mutex_);
      wakeup = wakeup_;
    }
    if (wakeup) (*wakeup)();
  }

  std::recursive_mutex calling_;  // held while a wakeup runs; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Event> events_;
  std::optional<Event> last_;  // comes after them
  bool closed_ = false;
  std::shared_ptr<const Wakeup> wakeup_;  // shared: it may replace itself while it runs
};

}  // namespace etb::stream
