// What a model will need before it is loaded, from its file alone. Pure. Clean bytes (mapped
// weights, which the system may drop) are kept apart from dirty ones.
#pragma once

#include <cstdint>

#include "model/manifest.h"
#include "model/pte_summary.h"

namespace etb::model {

struct MemoryEstimate {
  uint64_t weight_bytes = 0;      // mapped, clean
  uint64_t kv_bytes = 0;          // dirty once written, for the tokens asked about
  uint64_t activation_bytes = 0;  // dirty
  uint64_t kv_bytes_per_token = 0;
  uint64_t dirty_bytes() const;  // saturating
  uint64_t total_bytes() const;
};

// Of one of our own files, for a conversation of `tokens`.
MemoryEstimate estimate_memory(const PteSummary& summary, const Manifest& manifest,
                               uint32_t tokens);

}  // namespace etb::model
