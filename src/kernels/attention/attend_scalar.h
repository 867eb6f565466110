// The attention oracle: online softmax over blocks of 64 keys that start at absolute multiples of
// 64 (data-path.md section "Bit-exactness", step 5), one query row after the other.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/norm/vector_scalar.h"

namespace etb::kernels::scalar {

struct SoftmaxState {
  float max = -std::numeric_limits<float>::infinity();
  float sum[kLanes] = {};
};

// Scores of the block's keys; -infinity where the row does not look.
inline void block_scores(const AttendArgs& args, size_t row, size_t block,
                         float (&scores)[kKeyBlock]) {
  for (size_t i = 0; i < kKeyBlock; ++i) {
    const size_t key = block + i;
    scores[i] = -std::numeric_limits<float>::infinity();
    if (key < args.first[row] || key >= args.end[row]) continue;
    const uint16_t* const k =
        args.keys + key / kKeyTile * args.head_dim * kKeyTile + key % kKeyTile;
    float acc = 0.0f;
    for (size_t d = 0; d < args.head_dim; ++d) {
      acc = std::fma(args.query[row][d] * args.scale, f32_from_f16(k[d * kKeyTile]), acc);
    }
    scores[i] = args.softcap == 0.0f ? acc : softcap_f32(acc, args.softcap);
  }
}

// Turns scores into weights and takes the block into the running maximum and sum; returns by how
// much what was summed before shrinks.
inline float softmax_step(float (&scores)[kKeyBlock], SoftmaxState& state) {
  float max = state.max;
  for (const float score : scores) max = score > max ? score : max;
  const float c = exp_f32(state.max - max);
  float lanes[kLanes] = {};
  for (size_t i = 0; i < kKeyBlock; ++i) {
    scores[i] = exp_f32(scores[i] - max);
    lanes[i % kLanes] = i < kLanes ? scores[i] : lanes[i % kLanes] + scores[i];
  }
  for (size_t i = 0; i < kLanes; ++i) state.sum[i] = std::fma(state.sum[i], c, lanes[i]);
  state.max = max;
  return c;
}

inline void attend_row(const AttendArgs& args, size_t row) {
  SoftmaxState state;
  float* const out = args.out[row];
  for (size_t d = 0; d < args.head_dim; ++d) out[d] = 0.0f;
  const size_t start = args.first[row] / kKeyBlock * kKeyBlock;
  for (size_t block = start; block < args.end[row]; block += kKeyBlock) {
    float weights[kKeyBlock];
    block_scores(args, row, block, weights);
    const float c = softmax_step(weights, state);
    const size_t from = args.first[row] > block ? args.first[row] : block;
    const size_t to = args.end[row] < block + kKeyBlock ? args.end[row] : block + kKeyBlock;
    for (size_t d = 0; d < args.head_dim; ++d) {
      float acc = out[d] * c;
      for (size_t key = from; key < to; ++key) {
        acc =
            std::fma(weights[key - block], f32_from_f16(args.values[key * args.head_dim + d]), acc);
      }
      out[d] = acc;
    }
  }
  const float total = lane_tree(state.sum);
  for (size_t d = 0; d < args.head_dim; ++d) out[d] = out[d] / total;
}

inline void attend(const AttendArgs& args) {
  for (size_t row = 0; row < args.count; ++row) attend_row(args, row);
}

}  // namespace etb::kernels::scalar
