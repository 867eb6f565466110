// Sums that saturate: the figures come from a file.
#include "model/memory_estimate.h"

#include <algorithm>
#include <limits>

namespace etb::model {
namespace {

uint64_t add(uint64_t a, uint64_t b) {
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  return a > most - b ? most : a + b;
}

// Memory ids as our programs use them: 1 activations, 2 KV.
constexpr size_t kActivations = 0;

uint64_t planned(const MethodSummary& method, size_t index) {
  return index < method.planned_bytes.size() ? method.planned_bytes[index] : 0;
}

}  // namespace

uint64_t MemoryEstimate::dirty_bytes() const {
  return add(kv_bytes, activation_bytes);
}

uint64_t MemoryEstimate::total_bytes() const {
  return add(weight_bytes, dirty_bytes());
}

MemoryEstimate estimate_memory(const PteSummary& summary, const Manifest& manifest,
                               uint32_t tokens) {
  MemoryEstimate estimate;
  const KvType type = manifest.defaults.kv_type;
  estimate.weight_bytes = summary.constant_bytes;
  estimate.kv_bytes_per_token = kv_bytes_per_token(manifest.shape, type);
  estimate.kv_bytes = kv_bytes(manifest.shape, type, tokens);
  for (const MethodSummary& method : summary.methods) {
    estimate.activation_bytes = std::max(estimate.activation_bytes, planned(method, kActivations));
  }
  return estimate;
}

}  // namespace etb::model
