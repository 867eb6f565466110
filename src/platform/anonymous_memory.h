// A zero-filled mapping whose pages are committed at first touch: a KV cache for a long context
// costs only what has been written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/status.h"

namespace etb {

// The machine's page size: the grain of discard() and of committed_bytes().
size_t page_size();

// While one lives, every reserve() of the process asks it first, on whatever thread: true, and it
// fails as if the system had no memory left. For tests of what happens then; one at a time, made
// and destroyed while no other thread reserves.
class MemoryFault {
 public:
  explicit MemoryFault(std::function<bool(size_t bytes)> fails);
  ~MemoryFault();
  MemoryFault(const MemoryFault&) = delete;
  MemoryFault& operator=(const MemoryFault&) = delete;

 private:
  std::function<bool(size_t bytes)> fails_;
};

class AnonymousMemory {
 public:
  AnonymousMemory() = default;  // empty
  // OutOfMemory if the address space or the overcommit limit does not allow it, and above 128 GiB;
  // 0 bytes is empty.
  static Result<AnonymousMemory> reserve(size_t bytes);
  ~AnonymousMemory();
  AnonymousMemory(AnonymousMemory&& other) noexcept;
  AnonymousMemory& operator=(AnonymousMemory&& other) noexcept;

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  std::span<uint8_t> span() { return {data_, size_}; }

  // Gives back the whole pages inside [offset, offset + length); they read as zero afterwards.
  // Bytes of the range on pages only partly covered are zeroed in place. InvalidArgument beyond the
  // end.
  Status discard(size_t offset, size_t length);
  // The same, but pages only partly covered stay as they are: for ranges whose bytes nobody reads.
  Status release(size_t offset, size_t length);
  // Bytes of pages that hold memory now.
  Result<size_t> committed_bytes() const;

 private:
  struct PageRange {
    size_t first;  // bytes from the start
    size_t last;
  };
  PageRange whole_pages(size_t offset, size_t length) const;
  Status check(size_t offset, size_t length) const;

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace etb
