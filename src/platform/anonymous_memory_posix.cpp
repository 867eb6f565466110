// Private anonymous mmap; MAP_NORESERVE, so that a long context may be reserved on a small machine.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/text.h"
#include "platform/anonymous_memory.h"
#include "platform/os_error_posix.h"
#include "platform/page_residency.h"

namespace etb {
namespace {

// More is a damaged length: a phone's whole address space is 512 GiB, and to map a great part of it
// costs page tables (in an emulator, memory for each page).
constexpr size_t kMaxReservation = size_t{128} << 30;

std::atomic<const std::function<bool(size_t)>*> fault{nullptr};

}  // namespace

MemoryFault::MemoryFault(std::function<bool(size_t bytes)> fails) : fails_(std::move(fails)) {
  fault = &fails_;
}

MemoryFault::~MemoryFault() {
  fault = nullptr;
}

size_t page_size() {
  static const size_t size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

Result<AnonymousMemory> AnonymousMemory::reserve(size_t bytes) {
  AnonymousMemory memory;
  if (bytes == 0) return memory;
  const auto* fails = fault.load();
  if (bytes > kMaxReservation || (fails != nullptr && (*fails)(bytes))) {
    return os_error("reserve", concat(bytes, " bytes of memory"), ENOMEM);
  }
  void* start = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return os_error("reserve", concat(bytes, " bytes of memory"), errno);
  memory.data_ = static_cast<uint8_t*>(start);
  memory.size_ = bytes;
  return memory;
}

AnonymousMemory::~AnonymousMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

AnonymousMemory::AnonymousMemory(AnonymousMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

AnonymousMemory& AnonymousMemory::operator=(AnonymousMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AnonymousMemory::PageRange AnonymousMemory::whole_pages(size_t offset, size_t length) const {
  const size_t page = page_size();
  const size_t end = offset + length;
  const size_t first = (offset + page - 1) / page * page;
  // The last page of the mapping is whole even if the size is not a multiple.
  const size_t last = end == size_ ? end : end / page * page;
  return {first, std::max(first, last)};
}

Status AnonymousMemory::discard(size_t offset, size_t length) {
  ETB_RETURN_IF_ERROR(check(offset, length));
  const auto [first, last] = whole_pages(offset, length);
  if (first == last) {
    if (length > 0) std::memset(data_ + offset, 0, length);
    return {};
  }
  std::memset(data_ + offset, 0, first - offset);
  std::memset(data_ + last, 0, offset + length - last);
  return release(offset, length);
}

Status AnonymousMemory::check(size_t offset, size_t length) const {
  if (offset <= size_ && length <= size_ - offset) return {};
  return {StatusCode::InvalidArgument,
          concat("discard of ", length, " bytes at ", offset, " in a mapping of ", size_)};
}

Status AnonymousMemory::release(size_t offset, size_t length) {
  ETB_RETURN_IF_ERROR(check(offset, length));
  const auto [first, last] = whole_pages(offset, length);
  if (first == last) return {};
#ifdef __linux__
  if (::madvise(data_ + first, last - first, MADV_DONTNEED) != 0) {
    return os_error("give back", "memory", errno);
  }
#else  // elsewhere MADV_DONTNEED does not promise zeros: map the range anew
  void* again = ::mmap(data_ + first, last - first, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (again == MAP_FAILED) return os_error("give back", "memory", errno);
#endif
  return {};
}

Result<size_t> AnonymousMemory::committed_bytes() const {
  return resident_page_bytes(data_, size_, "anonymous memory");
}

}  // namespace etb
