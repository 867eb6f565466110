// What a piece of work cost in memory.
#pragma once

#include <cstdint>

#include "platform/memory_info.h"

namespace etb {

struct MemoryUse {
  uint64_t peak_rss_bytes = 0;   // clean and dirty, since the process began
  uint64_t peak_anon_bytes = 0;  // dirty, while a PeakMemory lived (sampled)
  uint64_t footprint_bytes = 0;  // dirty, now: what counts against a phone's limit
};

// Lives as long as the work that is measured.
class PeakMemory {
 public:
  MemoryUse read() const;

 private:
  AnonymousPeakSampler sampler_;
};

}  // namespace etb
