// Scaled dot product attention over a cache, as stock models ask for it: one pass over the keys in
// blocks, the softmax kept up as it goes. Pure arithmetic on checked memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/llama/elements.h"
#include "kernels/paths/table.h"

namespace etb::kernels {

// [batch][tokens][heads][dim] of elements, or [batch][heads][tokens][dim].
struct TokenRows {
  const void* data = nullptr;
  Element type = Element::F32;
  size_t tokens = 0, heads = 0;
  bool heads_first = false;
  // Of Element::I8, one a row: value = (element - zero_point) * scale.
  const int8_t* zero_points = nullptr;
  const float* scales = nullptr;
};

struct SdpaCall {
  TokenRows q, k, v;
  size_t batch = 1, dim = 0;
  size_t keys = 0;  // the first of k and v that take part
  bool causal = false;
  size_t start = 0;             // query i sees keys [0, start + i] if causal
  const float* mask = nullptr;  // [q.tokens][k.tokens], added to the scores; or none
  float scale = 1;
  void* out = nullptr;  // rows as q's
  Element out_type = Element::F32;
  const KernelTable* table = nullptr;  // each path gives the same bits
};

inline constexpr size_t kMaxSdpaDim = kMaxHeadDim;

// `threads` as parallel_for() has it. Under a cancel what is left is not computed.
void sdpa(const SdpaCall& call, unsigned threads);

}  // namespace etb::kernels
