// operator new of a test program. In a file of its own, so that no compiler sees through it.
#include <atomic>
#include <cstdlib>
#include <new>

#include "kv/test_allocations.h"

namespace {

std::atomic<long> to_come{-1};

}  // namespace

namespace etb {

long fail_allocation(long count) {
  return to_come.exchange(count);
}

}  // namespace etb

void* operator new(std::size_t bytes) {
  if (to_come >= 0 && to_come-- == 0) throw std::bad_alloc();
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  if (to_come >= 0 && to_come-- == 0) return nullptr;
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
