// operator new of a test program. In a file of its own, so that no compiler sees through it.
#include <atomic>
#include <cstdlib>
#include <new>

#include "kv/test_allocations.h"

namespace {

std::atomic<long> to_come{-1};
std::atomic<long> to_fail{0};  // once none is to come
thread_local bool spared = false;

// Whether this allocation is one that fails.
bool fails() {
  if (spared || to_come < 0) return false;
  const long left = to_come--;
  if (left > 0) return false;
  to_come = to_fail-- > 1 ? 0 : -1;
  return left == 0;
}

}  // namespace

namespace etb {

long fail_allocation(long count, long failures) {
  to_fail = failures;
  return to_come.exchange(count);
}

SparedThread::SparedThread() {
  spared = true;
}

SparedThread::~SparedThread() {
  spared = false;
}

}  // namespace etb

void* operator new(std::size_t bytes) {
  if (fails()) throw std::bad_alloc();
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  if (fails()) return nullptr;
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
