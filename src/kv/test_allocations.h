// For tests: allocations of choice of the whole test program fail.
#pragma once

namespace etb {

// From now on `count` calls of operator new succeed and the next `failures` throw bad_alloc; the
// rest succeed again. Negative: none fails. Returns how many were still to come, negative if it
// happened.
long fail_allocation(long count, long failures = 1);

// While one lives, this thread's allocations neither fail nor count.
class SparedThread {
 public:
  SparedThread();
  ~SparedThread();
  SparedThread(const SparedThread&) = delete;
  SparedThread& operator=(const SparedThread&) = delete;
};

}  // namespace etb
