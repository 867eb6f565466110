// mincore(), whose vector type differs between systems.
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "platform/anonymous_memory.h"
#include "platform/os_error_posix.h"
#include "platform/page_residency.h"

namespace etb {

Result<size_t> resident_page_bytes(const void* start, size_t length, std::string_view name) {
  const size_t page = page_size();
  constexpr size_t kPagesAtOnce = 65536;  // 256 MiB of 4 KiB pages: bounds the vector
  std::vector<unsigned char> flags;
  size_t resident = 0;
  const uint8_t* base = static_cast<const uint8_t*>(start);
  for (size_t done = 0; done < length;) {
    const size_t step = std::min(length - done, kPagesAtOnce * page);
    flags.assign((step + page - 1) / page, 0);
    if (::mincore(const_cast<uint8_t*>(base) + done, step, flags.data()) != 0) {
      return os_error("ask which pages are in memory of", name, errno);
    }
    for (unsigned char flag : flags) resident += (flag & 1U) * page;
    done += step;
  }
  return resident;
}

}  // namespace etb
