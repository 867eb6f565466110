// The vector oracle: norm, activation quantisation, residual, gate, rotation and half stores in
// plain code (data-path.md section "Bit-exactness", steps 1, 2, 4).
#pragma once

#include <cmath>

#include "kernels/math/exp.h"
#include "kernels/math/half.h"
#include "kernels/paths/table.h"

namespace etb::kernels::scalar {

inline constexpr size_t kLanes = 16;

// 8 + 8, 4 + 4, 2 + 2, 1 + 1.
inline float lane_tree(float (&lanes)[kLanes]) {
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) lanes[i] = lanes[i] + lanes[i + half];
  }
  return lanes[0];
}

inline void rms_norm(const float* x, const float* w, size_t count, float eps, float* y) {
  float lanes[kLanes] = {};
  for (size_t i = 0; i < count; ++i) lanes[i % kLanes] = std::fma(x[i], x[i], lanes[i % kLanes]);
  const float mean = lane_tree(lanes) / static_cast<float>(count);
  const float r = 1.0f / std::sqrt(mean + eps);
  for (size_t i = 0; i < count; ++i) y[i] = (x[i] * r) * w[i];
}

// Round to nearest even, kept in [-127, 127] whatever comes in (NaN: -127).
inline int8_t to_int8(float value) {
  value = value > -127.0f ? value : -127.0f;
  value = value < 127.0f ? value : 127.0f;
  return static_cast<int8_t>((value + kRoundMagic) - kRoundMagic);
}

inline void quantise_block(const float* y, const ActBlock& out) {
  float amax = 0.0f;
  for (size_t i = 0; i < kActBlock; ++i) {
    const float magnitude = std::fabs(y[i]);
    amax = magnitude > amax ? magnitude : amax;
  }
  const float inv = amax > 0.0f ? 127.0f / amax : 0.0f;
  int32_t sum = 0;
  for (size_t i = 0; i < kActBlock; ++i) {
    out.q[i] = to_int8(y[i] * inv);
    sum += out.q[i];
  }
  *out.s = amax / 127.0f;
  *out.sum = sum;
  *out.s_sum = *out.s * static_cast<float>(sum);
}

inline void quantise(const float* y, size_t blocks, uint8_t* block, size_t tokens, size_t t) {
  for (size_t b = 0; b < blocks; ++b) {
    quantise_block(y + b * kActBlock, act_block(block + b * tokens * kActBlockBytes, tokens, t));
  }
}

inline void add(float* x, const float* y, size_t count) {
  for (size_t i = 0; i < count; ++i) x[i] = x[i] + y[i];
}

inline void silu_mul(float* g, const float* u, size_t count) {
  for (size_t i = 0; i < count; ++i) g[i] = silu_f32(g[i]) * u[i];
}

inline void gelu_mul(float* g, const float* u, size_t count) {
  for (size_t i = 0; i < count; ++i) g[i] = gelu_f32(g[i]) * u[i];
}

inline void softcap(float* x, size_t count, float cap) {
  for (size_t i = 0; i < count; ++i) x[i] = softcap_f32(x[i], cap);
}

inline void rotate(float* head, const float* table, size_t half) {
  for (size_t i = 0; i < half; ++i) {
    const float a = head[i];
    const float b = head[i + half];
    const float c = table[i];
    const float s = table[half + i];
    head[i] = std::fma(-b, s, a * c);
    head[i + half] = std::fma(a, s, b * c);
  }
}

inline void store_f16(const float* x, size_t count, uint16_t* out, size_t stride) {
  for (size_t i = 0; i < count; ++i) out[i * stride] = f16_from_f32(x[i]);
}

}  // namespace etb::kernels::scalar
