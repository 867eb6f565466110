// parallel_for over the runtime's pool. The wheel exports the pool but does not ship its header, so
// the few members used are declared here (no data member is touched).
#include "kernels/parallel.h"

#include <algorithm>
#include <atomic>

#include <executorch/extension/threadpool/threadpool_guard.h>

#include "kernels/execution.h"
#include "kernels/fp_environment.h"

namespace executorch::extension::threadpool {

class ThreadPool {
 public:
  size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(uint32_t threads);
  void run(::executorch::runtime::FunctionRef<void(size_t)> fn, size_t range);
};

ThreadPool* get_threadpool();

}  // namespace executorch::extension::threadpool

namespace etb::kernels {
namespace {

namespace pool = ::executorch::extension::threadpool;

thread_local bool inside = false;

// The pool synchronises by itself; these two say so to ThreadSanitizer, which cannot see into it.
std::atomic<unsigned> started{0};
std::atomic<unsigned> finished{0};

// An operator of a large model runs for hundreds of milliseconds: this many looks at the token cut
// what a cancel waits for to a small part of that.
constexpr size_t kLeastRanges = 64;

// Guided hand-out: half of an even share of what is left, never less than `grain`. Nothing any more
// once `cancel` (may be null) is set.
class Claims {
 public:
  Claims(size_t units, size_t grain, size_t threads, const CancelToken* cancel)
      : units_(units),
        grain_(std::max<size_t>(grain, 1)),
        most_(cancel == nullptr ? units : std::max(grain_, units / kLeastRanges)),
        threads_(threads),
        cancel_(cancel) {}

  bool next(size_t& begin, size_t& end) {
    if (cancel_ != nullptr && cancel_->cancelled()) return false;
    begin = next_.load(std::memory_order_relaxed);
    do {
      if (begin >= units_) return false;
      const size_t left = units_ - begin;
      end = begin + std::min({left, most_, std::max(grain_, left / (2 * threads_))});
    } while (!next_.compare_exchange_weak(begin, end, std::memory_order_relaxed));
    return true;
  }

 private:
  const size_t units_;
  const size_t grain_;
  const size_t most_;
  const size_t threads_;
  const CancelToken* const cancel_;
  std::atomic<size_t> next_{0};
};

// One thread's part, or all of it.
void take_all(Claims& claims, RangeFn fn) {
  size_t begin = 0;
  size_t end = 0;
  while (claims.next(begin, end)) fn(begin, end);
}

}  // namespace

unsigned pool_threads() {
  pool::ThreadPool* const threads = pool::get_threadpool();
  if (threads == nullptr) return 1;
  return static_cast<unsigned>(std::max<size_t>(threads->get_thread_count(), 1));
}

void resize_pool(unsigned threads) {
  pool::ThreadPool* const pool = pool::get_threadpool();
  if (pool == nullptr) return;
  static const unsigned most = pool_threads();
  const unsigned wanted = threads == 0 ? most : std::min(threads, most);
  if (wanted != pool_threads()) pool->_unsafe_reset_threadpool(wanted);
}

void parallel_for(unsigned threads, size_t units, size_t grain, RangeFn fn) {
  if (units == 0) return;
  const bool inline_only =
      threads == 1 || units <= grain || inside || pool::NoThreadPoolGuard::is_enabled();
  const size_t limit = inline_only ? 1 : pool_threads();
  const size_t team = threads == 0 ? limit : std::min<size_t>(threads, limit);
  const CancelToken* const cancel = current_execution().cancel;
  if (team <= 1 && cancel == nullptr) {
    fn(0, units);
    return;
  }
  Claims claims(units, grain, team, cancel);
  if (team <= 1) return take_all(claims, fn);
  const auto work = [&](size_t) {
    const FpScope fp;
    started.load(std::memory_order_acquire);
    inside = true;
    take_all(claims, fn);
    inside = false;
    finished.fetch_add(1, std::memory_order_release);
  };
  started.fetch_add(1, std::memory_order_release);
  pool::get_threadpool()->run(work, team);
  finished.load(std::memory_order_acquire);
}

}  // namespace etb::kernels
