// Scalar access to one packed block (8 rows x 32 columns, layout/layout.h), a struct a format: what
// the oracle and the embedding read. q() has any zero point of the packing taken off, m() is 0
// where there is none, so that w = d * q + m.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/math/half.h"
#include "layout/layout.h"

namespace etb::kernels {

using layout::WeightFormat;

template <WeightFormat F>
struct Block;

namespace block_detail {

// The nibble of (row, column) in the 4-bit order: pieces of 8 bytes, columns j and j + 16 in one.
inline int nibble(const uint8_t* qs, size_t row, size_t col) {
  const size_t j = col % 16;
  const uint8_t byte = qs[(j / 8) * 64 + row * 8 + j % 8];
  return col < 16 ? byte & 15 : byte >> 4;
}

inline uint8_t byte(const uint8_t* qs, size_t row, size_t col) {
  return qs[(col / 8) * 64 + row * 8 + col % 8];
}

inline float half_at(const uint8_t* halves, size_t index) {
  return f32_from_f16(load_u16(halves + 2 * index));
}

}  // namespace block_detail

template <>
struct Block<WeightFormat::W4S> {
  static constexpr bool kAffine = false;
  static float d(const uint8_t* b, size_t row, size_t) { return block_detail::half_at(b, row); }
  static float m(const uint8_t*, size_t) { return 0.0f; }
  static int q(const uint8_t* b, size_t row, size_t col) {
    return block_detail::nibble(b + 16, row, col) - 8;
  }
};

template <>
struct Block<WeightFormat::W4A> {
  static constexpr bool kAffine = true;
  static float d(const uint8_t* b, size_t row, size_t) { return block_detail::half_at(b, row); }
  static float m(const uint8_t* b, size_t row) { return block_detail::half_at(b, 8 + row); }
  static int q(const uint8_t* b, size_t row, size_t col) {
    return block_detail::nibble(b + 32, row, col);
  }
};

template <>
struct Block<WeightFormat::W8S> {
  static constexpr bool kAffine = false;
  static float d(const uint8_t* b, size_t row, size_t) { return block_detail::half_at(b, row); }
  static float m(const uint8_t*, size_t) { return 0.0f; }
  static int q(const uint8_t* b, size_t row, size_t col) {
    return static_cast<int8_t>(block_detail::byte(b + 16, row, col));
  }
};

template <>
struct Block<WeightFormat::W8G16> {
  static constexpr bool kAffine = false;
  static float d(const uint8_t* b, size_t row, size_t col) {
    return block_detail::half_at(b, col / 16 * 8 + row);
  }
  static float m(const uint8_t*, size_t) { return 0.0f; }
  static int q(const uint8_t* b, size_t row, size_t col) {
    return static_cast<int8_t>(block_detail::byte(b + 32, row, col));
  }
};

template <>
struct Block<WeightFormat::W8A> {
  static constexpr bool kAffine = true;
  static float d(const uint8_t* b, size_t row, size_t) { return block_detail::half_at(b, row); }
  static float m(const uint8_t* b, size_t row) { return block_detail::half_at(b, 8 + row); }
  static int q(const uint8_t* b, size_t row, size_t col) {
    return block_detail::byte(b + 32, row, col);
  }
};

// Float formats: column-major inside the block.
template <WeightFormat F>
float float_weight(const uint8_t* b, size_t row, size_t col) {
  const size_t index = col * layout::kRowGroup + row;
  if constexpr (F == WeightFormat::F32) {
    return load_f32(b + 4 * index);
  } else if constexpr (F == WeightFormat::F16) {
    return f32_from_f16(load_u16(b + 2 * index));
  } else {
    return f32_from_bf16(load_u16(b + 2 * index));
  }
}

inline bool is_float(WeightFormat format) {
  return format >= WeightFormat::F32;
}

}  // namespace etb::kernels
