// exp and the functions made of it, written out once in plain code: the steps every vector path
// repeats. exp: <= 2 ulp; 0 below the smallest normal result and for NaN, infinity above the
// largest.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/math/exp_constants.h"

namespace etb::kernels {

inline float exp_f32(float x) {
  if (!(x >= kExpLowest)) return 0.0f;
  if (x > kExpHighest) return std::numeric_limits<float>::infinity();
  const float shifted = std::fma(x, kLog2E, kRoundMagic);  // low bits: n = round(x / ln 2)
  const float n = shifted - kRoundMagic;
  float r = std::fma(n, -kLn2High, x);
  r = std::fma(n, -kLn2Low, r);
  float p = std::fma(kExpC4, r, kExpC3);
  p = std::fma(p, r, kExpC2);
  p = std::fma(p, r, kExpC1);
  p = std::fma(p, r, kExpC0);
  p = std::fma(p, r, 1.0f);
  p = std::fma(p, r, 1.0f);
  // p * 2^n by its exponent field; the magic number's own bits leave at the top of the shift.
  const uint32_t scale = std::bit_cast<uint32_t>(shifted) << 23;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) + scale);
}

inline float silu_f32(float x) {
  return x / (1.0f + exp_f32(-x));
}

// GELU with the tanh approximation, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), by the
// identity (1 + tanh u) / 2 = 1 / (1 + exp(-2u)).
inline float gelu_f32(float x) {
  const float u = x * std::fma(x * x, kGeluC1, kGeluC0);
  return x / (1.0f + exp_f32(-u));
}

// <= 2 ulp.
inline float tanh_f32(float x) {
  const float a = std::fabs(x);
  const float far = 1.0f - 2.0f / (1.0f + exp_f32(a + a));
  const float z = x * x;
  float p = std::fma(kTanhC4, z, kTanhC3);
  p = std::fma(p, z, kTanhC2);
  p = std::fma(p, z, kTanhC1);
  p = std::fma(p, z, kTanhC0);
  const float near = std::fma(p * z, x, x);
  return a > kTanhSmall ? (x > 0.0f ? far : -far) : near;
}

// Keeps x within (-cap, cap), nearly unchanged where it is small.
inline float softcap_f32(float x, float cap) {
  return tanh_f32(x / cap) * cap;
}

}  // namespace etb::kernels
