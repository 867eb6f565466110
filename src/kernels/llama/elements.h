// Element types of stock tensors, read into and written from float.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "layout/half.h"

namespace etb::kernels {

enum class Element : uint8_t { F32, F16, BF16, I8 };

inline size_t element_bytes(Element type) {
  switch (type) {
    case Element::F32:
      return 4;
    case Element::F16:
    case Element::BF16:
      return 2;
    case Element::I8:
      return 1;
  }
  return 1;
}

// `count` floats from `data`, which is not I8.
inline void read_floats(Element type, const void* data, size_t count, float* out) {
  if (type == Element::F32) {
    std::memcpy(out, data, count * sizeof(float));
    return;
  }
  const auto* halves = static_cast<const uint16_t*>(data);
  for (size_t i = 0; i < count; ++i) {
    out[i] = type == Element::F16 ? layout::half_to_float(halves[i])
                                  : layout::bfloat_to_float(halves[i]);
  }
}

inline void write_floats(Element type, const float* values, size_t count, void* out) {
  if (type == Element::F32) {
    std::memcpy(out, values, count * sizeof(float));
    return;
  }
  auto* halves = static_cast<uint16_t*>(out);
  for (size_t i = 0; i < count; ++i) {
    halves[i] = type == Element::F16 ? layout::float_to_half(values[i])
                                     : layout::float_to_bfloat(values[i]);
  }
}

}  // namespace etb::kernels
