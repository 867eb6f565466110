#include "engine/measure.h"

namespace etb {

MemoryUse PeakMemory::read() const {
  MemoryUse use;
  use.peak_anon_bytes = sampler_.peak_bytes();
  if (const auto memory = process_memory(); memory.ok()) {
    use.peak_rss_bytes = memory->peak_rss_bytes;
    use.footprint_bytes = memory->footprint_bytes;
  }
  return use;
}

}  // namespace etb
