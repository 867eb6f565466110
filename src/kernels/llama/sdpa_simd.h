// The same over 16 virtual lanes. Order of arithmetic: sdpa_scalar.h. Internal to the ISA files
// (see norm/vector_simd.h).
#pragma once

#include "kernels/norm/vector_simd.h"

namespace etb::kernels {
namespace {

template <class I>
class SdpaSteps {
  using V = typename I::V;

 public:
  static void scores(const SdpaRows& args) {
    for (size_t j = 0; j < args.count; ++j) {
      const float* const row = args.rows + j * args.stride;
      for (size_t i = 0; i < args.queries; ++i) {
        args.weights[i * kKeyBlock + j] = dot(args.query + i * kMaxHeadDim, row, args.dim);
      }
    }
  }

  static void weights(float* scores, SdpaSoftmax& state) {
    constexpr size_t steps = kKeyBlock / kLanes;
    V s[steps];
    V top = I::splat(state.max);
#pragma GCC unroll 4
    for (size_t i = 0; i < steps; ++i) {
      s[i] = I::load(scores + i * kLanes);
      top = I::max(s[i], top);
    }
    const float max = I::largest(top);
    const V shift = I::splat(max == -__builtin_inff() ? 0.0f : max);
    V sum = I::splat(0.0f);
#pragma GCC unroll 4
    for (size_t i = 0; i < steps; ++i) {
      const V weight = exp_nonpositive<I>(I::sub(s[i], shift));
      sum = I::add(sum, weight);
      I::store(scores + i * kLanes, weight);
    }
    state.shrink = I::first(exp_nonpositive<I>(I::sub(I::splat(state.max), shift)));
    state.sum = state.sum * state.shrink + I::sum(sum);
    state.max = max;
  }

  static void values(const SdpaRows& args) {
    for (size_t i = 0; i < args.queries; ++i) {
      size_t d = 0;
      for (; d + 4 * kLanes <= args.dim; d += 4 * kLanes) add<4>(args, i, d);
      for (; d + kLanes <= args.dim; d += kLanes) add<1>(args, i, d);
      if (d < args.dim) add_rest(args, i, d);
    }
  }

 private:
  static V load_some(const float* from, size_t count) {
    float lanes[kLanes] = {};
    for (size_t l = 0; l < count; ++l) lanes[l] = from[l];
    return I::load(lanes);
  }

  // A lane that is padded adds +0 to a sum that began at +0: the same bits.
  static float dot(const float* a, const float* b, size_t dim) {
    V sum = I::splat(0.0f);
    size_t d = 0;
    for (; d + kLanes <= dim; d += kLanes) {
      sum = I::add(sum, I::mul(I::load(a + d), I::load(b + d)));
    }
    if (d < dim) sum = I::add(sum, I::mul(load_some(a + d, dim - d), load_some(b + d, dim - d)));
    return I::sum(sum);
  }

  // Sums of U x 16 dims stay in registers over all rows.
  template <size_t U>
  static void add(const SdpaRows& args, size_t query, size_t d) {
    float* const sums = args.sums + query * kMaxHeadDim + d;
    const float* const weights = args.weights + query * kKeyBlock;
    V acc[U];
#pragma GCC unroll 4
    for (size_t u = 0; u < U; ++u) acc[u] = I::load(sums + u * kLanes);
    const float* row = args.rows + d;
    for (size_t j = 0; j < args.count; ++j, row += args.stride) {
      if (weights[j] == 0) continue;
      const V weight = I::splat(weights[j]);
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) {
        acc[u] = I::add(acc[u], I::mul(weight, I::load(row + u * kLanes)));
      }
    }
#pragma GCC unroll 4
    for (size_t u = 0; u < U; ++u) I::store(sums + u * kLanes, acc[u]);
  }

  static void add_rest(const SdpaRows& args, size_t query, size_t d) {
    const size_t rest = args.dim - d;
    float* const sums = args.sums + query * kMaxHeadDim + d;
    V acc = load_some(sums, rest);
    for (size_t j = 0; j < args.count; ++j) {
      const float weight = args.weights[query * kKeyBlock + j];
      if (weight == 0) continue;
      const float* const row = args.rows + j * args.stride + d;
      acc = I::add(acc, I::mul(I::splat(weight), load_some(row, rest)));
    }
    float lanes[kLanes];
    I::store(lanes, acc);
    for (size_t l = 0; l < rest; ++l) sums[l] = lanes[l];
  }
};

}  // namespace
}  // namespace etb::kernels
