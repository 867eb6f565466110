// Random packed weights and numbers for the tests, from a seed.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "kernels/math/half.h"
#include "layout/layout.h"

namespace etb::kernels::testing {

using layout::WeightFormat;

inline constexpr WeightFormat kEveryFormat[] = {
    WeightFormat::W4S, WeightFormat::W4A, WeightFormat::W8S, WeightFormat::W8G16,
    WeightFormat::W8A, WeightFormat::F32, WeightFormat::F16, WeightFormat::BF16};

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {  // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // Whole numbers in [low, high].
  size_t between(size_t low, size_t high) { return low + bits() % (high - low + 1); }
  // Evenly in [-limit, limit].
  float real(float limit = 1.0f) {
    const auto unit = static_cast<double>(bits() >> 11) * 0x1p-53;
    return static_cast<float>((2.0 * unit - 1.0) * static_cast<double>(limit));
  }
  std::vector<float> reals(size_t count, float limit = 1.0f) {
    std::vector<float> values(count);
    for (float& value : values) value = real(limit);
    return values;
  }

 private:
  uint64_t state_;
};

namespace detail {

inline void put_half(uint8_t* at, float value) {
  const uint16_t half = f16_from_f32(value);
  std::memcpy(at, &half, sizeof half);
}

// Scales, minima and quantised values (or floats) of one row of one block, so that weights are
// about 1 / 16 in size.
inline void fill_row(WeightFormat format, uint8_t* block, size_t row, Random& random) {
  const bool affine = format == WeightFormat::W4A || format == WeightFormat::W8A;
  const bool wide = format != WeightFormat::W4S && format != WeightFormat::W4A;
  const float d = random.real() / (wide ? 2048.0f : 128.0f);
  if (format >= WeightFormat::F32) {
    for (size_t col = 0; col < layout::kBlock; ++col) {
      const float value = random.real(0.0625f);
      uint8_t* const at = block + (col * 8 + row) * (format == WeightFormat::F32 ? 4 : 2);
      const auto bf16 = static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
      if (format == WeightFormat::F32) std::memcpy(at, &value, 4);
      if (format == WeightFormat::F16) put_half(at, value);
      if (format == WeightFormat::BF16) std::memcpy(at, &bf16, 2);
    }
    return;
  }
  put_half(block + 2 * row, d);
  if (affine) put_half(block + 16 + 2 * row, random.real(0.05f));
  if (format == WeightFormat::W8G16) put_half(block + 16 + 2 * row, random.real() / 2048.0f);
  uint8_t* const qs = block + (affine || format == WeightFormat::W8G16 ? 32 : 16);
  for (size_t piece = 0; piece < (wide ? 4u : 2u); ++piece) {
    for (size_t i = 0; i < 8; ++i) {
      qs[piece * 64 + row * 8 + i] = static_cast<uint8_t>(random.bits());
    }
  }
}

}  // namespace detail

// A whole blob: header and data; rows beyond `rows` are zero as the layout says.
inline std::vector<uint8_t> random_blob(WeightFormat format, size_t rows, size_t cols,
                                        Random& random) {
  const size_t data = layout::data_bytes(format, rows, cols);
  std::vector<uint8_t> blob(sizeof(layout::BlobHeader) + data);
  layout::BlobHeader header{};
  header.magic = layout::kBlobMagic;
  header.version = layout::kLayoutVersion;
  header.format = static_cast<uint32_t>(format);
  header.rows = static_cast<uint32_t>(rows);
  header.cols = static_cast<uint32_t>(cols);
  header.data_bytes = data;
  std::memcpy(blob.data(), &header, sizeof header);
  uint8_t* block = blob.data() + sizeof header;
  for (size_t group = 0; group < (rows + 7) / 8; ++group) {
    for (size_t b = 0; b < cols / 32; ++b, block += layout::block_bytes(format)) {
      for (size_t r = 0; r < 8 && group * 8 + r < rows; ++r) {
        detail::fill_row(format, block, r, random);
      }
    }
  }
  return blob;
}

}  // namespace etb::kernels::testing
