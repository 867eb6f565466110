// exp, written out once in plain code: the steps every vector path repeats. <= 2 ulp; 0 below the
// smallest normal result and for NaN, infinity above the largest.
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

}  // namespace etb::kernels
