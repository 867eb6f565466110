// One thread that runs jobs one after the other, in the order in which they were posted.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "platform/thread.h"

namespace etb::holder {

class SerialQueue {
 public:
  using Job = std::function<void()>;  // must not throw

  // `chore` is what poke() asks for; may be empty.
  SerialQueue(std::string label, ThreadPriority priority, Job chore = {});
  // Runs every job posted so far, and those that these post, then ends the thread. Not from a job.
  ~SerialQueue();
  SerialQueue(const SerialQueue&) = delete;
  SerialQueue& operator=(const SerialQueue&) = delete;

  // From any thread, also from a job. Each job runs exactly once. Throws bad_alloc if there is no
  // memory for it: then it never runs.
  void post(Job job);
  // Runs the chore soon, once for all pokes before it begins. Allocates nothing: cannot fail.
  void poke() noexcept;
  // Posts `job` and waits until it has run; from a job of this queue it runs at once.
  void run(const Job& job);
  // The calling thread is the one that runs the jobs.
  bool on_worker() const { return std::this_thread::get_id() == worker_.get_id(); }
  const std::string& label() const { return label_; }

 private:
  void work(ThreadPriority priority);
  void run_first(std::unique_lock<std::mutex>& lock);

  const std::string label_;
  const Job chore_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;   // under mutex_
  bool poked_ = false;     // under mutex_
  bool stopping_ = false;  // under mutex_
  std::thread worker_;     // last: starts when all else is there
};

}  // namespace etb::holder
