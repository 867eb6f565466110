// Rows of a cache against queries, in plain code: what every path gives, bit by bit.
#pragma once

#include <limits>

#include "kernels/norm/vector_scalar.h"

namespace etb::kernels::scalar {

// One order of additions: by lane, then the tree. Products are rounded: nothing fuses.
inline float dot(const float* a, const float* b, size_t count) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  }
  for (size_t l = 0; i < count; ++i, ++l) lanes[l] += a[i] * b[i];
  return lane_tree(lanes);
}

inline void sdpa_scores(const SdpaRows& args) {
  for (size_t j = 0; j < args.count; ++j) {
    const float* const row = args.rows + j * args.stride;
    for (size_t i = 0; i < args.queries; ++i) {
      args.weights[i * kKeyBlock + j] = dot(args.query + i * kMaxHeadDim, row, args.dim);
    }
  }
}

inline void sdpa_weights(float* scores, SdpaSoftmax& state) {
  float max = state.max;
  for (size_t j = 0; j < kKeyBlock; ++j) max = scores[j] > max ? scores[j] : max;
  // Of nothing but unseen keys the difference would be no number.
  const float shift = max == -std::numeric_limits<float>::infinity() ? 0.0f : max;
  float lanes[kLanes] = {};
  for (size_t j = 0; j < kKeyBlock; ++j) {
    scores[j] = exp_f32(scores[j] - shift);
    lanes[j % kLanes] += scores[j];
  }
  state.shrink = exp_f32(state.max - shift);
  state.sum = state.sum * state.shrink + lane_tree(lanes);
  state.max = max;
}

inline void sdpa_values(const SdpaRows& args) {
  for (size_t j = 0; j < args.count; ++j) {
    const float* const row = args.rows + j * args.stride;
    for (size_t i = 0; i < args.queries; ++i) {
      const float weight = args.weights[i * kKeyBlock + j];
      if (weight == 0) continue;
      float* const sums = args.sums + i * kMaxHeadDim;
      for (size_t d = 0; d < args.dim; ++d) sums[d] += weight * row[d];
    }
  }
}

}  // namespace etb::kernels::scalar
