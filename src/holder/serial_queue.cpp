#include "holder/serial_queue.h"

#include <future>
#include <memory>
#include <utility>

namespace etb::holder {

SerialQueue::SerialQueue(std::string label, ThreadPriority priority, Job chore)
    : label_(std::move(label)),
      chore_(std::move(chore)),
      worker_([this, priority] { work(priority); }) {}

SerialQueue::~SerialQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  worker_.join();
}

void SerialQueue::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void SerialQueue::poke() noexcept {
  {
    const std::lock_guard lock(mutex_);
    poked_ = true;
  }
  wake_.notify_one();
}

void SerialQueue::run(const Job& job) {
  if (on_worker()) {
    job();
    return;
  }
  // Shared: the waiter may wake, and leave, while set_value() is still returning.
  const auto done = std::make_shared<std::promise<void>>();
  post([&job, done] {
    job();
    done->set_value();
  });
  done->get_future().wait();
}

void SerialQueue::work(ThreadPriority priority) {
  name_this_thread(label_);
  prioritise_this_thread(priority);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || poked_ || !jobs_.empty(); });
    if (std::exchange(poked_, false) && chore_) {
      lock.unlock();
      chore_();
      lock.lock();
    }
    if (!jobs_.empty()) {
      run_first(lock);
    } else if (stopping_ && !poked_) {
      return;
    }
  }
}

void SerialQueue::run_first(std::unique_lock<std::mutex>& lock) {
  {
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
  }  // what the job held is let go of here, without the lock
  lock.lock();
}

}  // namespace etb::holder
