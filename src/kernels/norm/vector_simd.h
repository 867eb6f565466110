// The vector steps over 16 virtual lanes, written once for every instruction set. `I` (simd/*.h)
// gives the lanes; the arithmetic and its order are vector_scalar.h's. Only ISA files include this,
// and all is internal to them, so that no other file's copy carries their instructions.
#pragma once

#include "kernels/math/exp_constants.h"
#include "kernels/paths/table.h"

namespace etb::kernels {
namespace {

constexpr size_t kLanes = 16;

// exp for x <= 0, -infinity and NaN; `exp_lanes` for any x.
template <class I>
typename I::V exp_nonpositive(typename I::V x) {
  const auto shifted = I::fma(x, I::splat(kLog2E), I::splat(kRoundMagic));
  const auto n = I::sub(shifted, I::splat(kRoundMagic));
  auto r = I::fma(n, I::splat(-kLn2High), x);
  r = I::fma(n, I::splat(-kLn2Low), r);
  auto p = I::fma(I::splat(kExpC4), r, I::splat(kExpC3));
  p = I::fma(p, r, I::splat(kExpC2));
  p = I::fma(p, r, I::splat(kExpC1));
  p = I::fma(p, r, I::splat(kExpC0));
  p = I::fma(p, r, I::splat(1.0f));
  p = I::fma(p, r, I::splat(1.0f));
  return I::zero_unless_ge(x, I::splat(kExpLowest), I::scale_by_power(p, shifted));
}

template <class I>
typename I::V exp_lanes(typename I::V x) {
  return I::pick_gt(x, I::splat(kExpHighest), I::splat(__builtin_inff()), exp_nonpositive<I>(x));
}

template <class I>
typename I::V tanh_lanes(typename I::V x) {
  const auto one = I::splat(1.0f);
  const auto a = I::abs(x);
  const auto e = exp_lanes<I>(I::add(a, a));
  const auto far = I::sub(one, I::div(I::splat(2.0f), I::add(one, e)));
  const auto z = I::mul(x, x);
  auto p = I::fma(I::splat(kTanhC4), z, I::splat(kTanhC3));
  p = I::fma(p, z, I::splat(kTanhC2));
  p = I::fma(p, z, I::splat(kTanhC1));
  p = I::fma(p, z, I::splat(kTanhC0));
  const auto near = I::fma(I::mul(p, z), x, x);
  const auto signed_far = I::pick_gt(x, I::splat(0.0f), far, I::negate(far));
  return I::pick_gt(a, I::splat(kTanhSmall), signed_far, near);
}

template <class I>
typename I::V softcap_lanes(typename I::V x, typename I::V cap) {
  return I::mul(tanh_lanes<I>(I::div(x, cap)), cap);
}

template <class I>
struct VectorOps {
  using V = typename I::V;

  static void rms_norm(const float* x, const float* w, size_t count, float eps, float* y) {
    V lanes = I::splat(0.0f);
    for (size_t i = 0; i < count; i += kLanes) {
      const V value = I::load(x + i);
      lanes = I::fma(value, value, lanes);
    }
    const float mean = I::sum(lanes) / static_cast<float>(count);
    const V r = I::splat(1.0f / __builtin_sqrtf(mean + eps));
    for (size_t i = 0; i < count; i += kLanes) {
      I::store(y + i, I::mul(I::mul(I::load(x + i), r), I::load(w + i)));
    }
  }

  static void quantise_block(const float* y, const ActBlock& out) {
    const V a = I::load(y);
    const V b = I::load(y + kLanes);
    const float amax = I::largest(I::max(I::abs(b), I::max(I::abs(a), I::splat(0.0f))));
    const V inv = I::splat(amax > 0.0f ? 127.0f / amax : 0.0f);
    const V low = I::splat(-127.0f);
    const V high = I::splat(127.0f);
    const V qa = I::min(I::max(I::mul(a, inv), low), high);
    const V qb = I::min(I::max(I::mul(b, inv), low), high);
    const int32_t sum = I::store_int8(out.q, qa, qb);
    const float s = amax / 127.0f;
    *out.s = s;
    *out.sum = sum;
    *out.s_sum = s * static_cast<float>(sum);
  }

  static void quantise(const float* y, size_t blocks, uint8_t* block, size_t tokens, size_t t) {
    for (size_t b = 0; b < blocks; ++b) {
      quantise_block(y + b * kActBlock, act_block(block + b * tokens * kActBlockBytes, tokens, t));
    }
  }

  static void add(float* x, const float* y, size_t count) {
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
      I::store(x + i, I::add(I::load(x + i), I::load(y + i)));
    for (; i < count; ++i) x[i] = x[i] + y[i];
  }

  static void silu_mul(float* g, const float* u, size_t count) {
    for (size_t i = 0; i < count; i += kLanes) {
      const V x = I::load(g + i);
      const V e = exp_lanes<I>(I::negate(x));
      const V silu = I::div(x, I::add(I::splat(1.0f), e));
      I::store(g + i, I::mul(silu, I::load(u + i)));
    }
  }

  static void gelu_mul(float* g, const float* u, size_t count) {
    for (size_t i = 0; i < count; i += kLanes) {
      const V x = I::load(g + i);
      const V scale = I::fma(I::mul(x, x), I::splat(kGeluC1), I::splat(kGeluC0));
      const V e = exp_lanes<I>(I::negate(I::mul(x, scale)));
      const V gelu = I::div(x, I::add(I::splat(1.0f), e));
      I::store(g + i, I::mul(gelu, I::load(u + i)));
    }
  }

  // `count` is a multiple of 16.
  static void softcap(float* x, size_t count, float cap) {
    for (size_t i = 0; i < count; i += kLanes) {
      I::store(x + i, softcap_lanes<I>(I::load(x + i), I::splat(cap)));
    }
  }

  static void rotate(float* head, const float* table, size_t half) {
    size_t i = 0;
    for (; i + kLanes <= half; i += kLanes) {
      const V a = I::load(head + i);
      const V b = I::load(head + half + i);
      const V c = I::load(table + i);
      const V s = I::load(table + half + i);
      I::store(head + i, I::fma(I::negate(b), s, I::mul(a, c)));
      I::store(head + half + i, I::fma(a, s, I::mul(b, c)));
    }
    for (; i < half; ++i) {
      const float a = head[i];
      const float b = head[i + half];
      head[i] = __builtin_fmaf(-b, table[half + i], a * table[i]);
      head[i + half] = __builtin_fmaf(a, table[half + i], b * table[i]);
    }
  }

  // `count` is a multiple of 16.
  static void store_f16(const float* x, size_t count, uint16_t* out, size_t stride) {
    for (size_t i = 0; i < count; i += kLanes) {
      if (stride == 1) {
        I::store_f16(out + i, I::load(x + i));
        continue;
      }
      uint16_t halves[kLanes];
      I::store_f16(halves, I::load(x + i));
      for (size_t j = 0; j < kLanes; ++j) out[(i + j) * stride] = halves[j];
    }
  }
};

}  // namespace
}  // namespace etb::kernels
