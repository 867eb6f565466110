// exp, written out once in plain code: the steps every vector path repeats. <= 2 ulp; 0 below the
// smallest normal result and for NaN, infinity above the largest.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace etb::kernels {

inline constexpr float kExpLowest = -87.33654f;  // ln 2^-126
inline constexpr float kExpHighest = 88.72283f;  // ln of the largest float
inline constexpr float kLog2E = 0x1.715476p0f;
inline constexpr float kLn2High = 0x1.62e4p-1f;    // 15 bits: n * this is exact
inline constexpr float kLn2Low = 0x1.7f7d1cp-20f;  // ln 2 - kLn2High
inline constexpr float kRoundMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
// exp(r) = 1 + r + r^2 * (c0 + c1 r + ... + c4 r^4) on |r| <= ln 2 / 2, off by less than 2^-27.
inline constexpr float kExpC0 = 0x1p-1f;
inline constexpr float kExpC1 = 0x1.55548ep-3f;
inline constexpr float kExpC2 = 0x1.55545ep-5f;
inline constexpr float kExpC3 = 0x1.123bep-7f;
inline constexpr float kExpC4 = 0x1.6db4e4p-10f;

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
