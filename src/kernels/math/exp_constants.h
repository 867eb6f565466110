// The numbers of our exp and what is made of it (math/exp.h), by themselves: the instruction-set
// files take nothing else.
#pragma once

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
// tanh(x) = x + x * z * (c0 + c1 z + ... + c4 z^4), z = x^2, for |x| <= kTanhSmall.
inline constexpr float kTanhSmall = 0.625f;
inline constexpr float kTanhC0 = -3.33332819422e-1f;
inline constexpr float kTanhC1 = 1.33314422036e-1f;
inline constexpr float kTanhC2 = -5.37397155531e-2f;
inline constexpr float kTanhC3 = 2.06390887954e-2f;
inline constexpr float kTanhC4 = -5.70498872745e-3f;
// GELU's tanh form is g / (1 + exp(-g * (c0 + c1 g^2))): c0 = 2 sqrt(2 / pi), c1 = 0.044715 c0.
inline constexpr float kGeluC0 = 1.5957691216057308f;
inline constexpr float kGeluC1 = 0.07135481627260025f;

}  // namespace etb::kernels
