// Short names for the half-precision conversions, and unaligned loads: where a blob lies is the
// file's affair.
#pragma once

#include <cstdint>
#include <cstring>

#include "layout/half.h"

namespace etb::kernels {

inline float f32_from_f16(uint16_t half) {
  return layout::half_to_float(half);
}
inline float f32_from_bf16(uint16_t half) {
  return layout::bfloat_to_float(half);
}
inline uint16_t f16_from_f32(float value) {
  return layout::float_to_half(value);
}

inline uint16_t load_u16(const uint8_t* bytes) {
  uint16_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

inline float load_f32(const uint8_t* bytes) {
  float value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace etb::kernels
