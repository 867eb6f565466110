// The packed weight layout: what a weight blob's bytes mean. One layout for AVX2, AVX-512 VNNI,
// NEON dotprod and i8mm: 8 rows interleaved in pieces of 8 bytes, GGUF's quantised values kept
// exactly.
//
// A blob is a 64-byte BlobHeader and then, 64-byte aligned, ceil(rows / 8) row groups. A row group
// is cols / 32 blocks in k order; a block is 8 rows x 32 columns:
//
// clang-format off
//   format  scales               values        weight
//   W4S     f16 d[8]             u4 qs[128]    d * (q - 8)
//   W4A     f16 d[8], f16 m[8]   u4 qs[128]    d * q + m
//   W8S     f16 d[8]             s8 qs[256]    d * q
//   W8G16   f16 d[2][8]          s8 qs[256]    d[column / 16] * q: a scale every 16 columns
//   W8A     f16 d[8], f16 m[8]   u8 qs[256]    d * q + m
//   F32     -                    f32 w[32][8]  w: element (row r, column k) stands at [k][r]
//   F16     -                    f16 w[32][8]  likewise
//   BF16    -                    bf16 w[32][8] likewise
// clang-format on
//
// 4-bit qs: for c in 0..1, for r in 0..7: the row's GGUF bytes 8c..8c+7; byte j of a row holds
// column j in its low and column j + 16 in its high nibble, values 0..15. 8-bit qs: for c in 0..3,
// for r in 0..7: columns 8c..8c+7. Rows past `rows` in the last group have d = m = 0 and q = 0
// (floats: 0). cols % 32 == 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.h"

namespace etb::layout {

inline constexpr size_t kRowGroup = 8;    // rows interleaved in a block
inline constexpr size_t kBlock = 32;      // columns of a block
inline constexpr size_t kBlobAlign = 64;  // of a blob in its segment, and of its data

// Append-only: the numbers are in files.
enum class WeightFormat : uint32_t {
  W4S = 1,
  W4A = 2,
  W8S = 3,
  W8G16 = 4,
  W8A = 5,
  F32 = 6,
  F16 = 7,
  BF16 = 8
};

std::string_view format_name(
    WeightFormat format);  // "w4a", ... as manifests and `inspect` spell it
Result<WeightFormat> format_from_name(std::string_view name);

// Bytes of one block (8 rows x 32 columns).
constexpr size_t block_bytes(WeightFormat format) {
  switch (format) {
    case WeightFormat::W4S:
      return 16 + 128;
    case WeightFormat::W4A:
      return 32 + 128;
    case WeightFormat::W8S:
      return 16 + 256;
    case WeightFormat::W8G16:
      return 32 + 256;
    case WeightFormat::W8A:
      return 32 + 256;
    case WeightFormat::F32:
      return 32 * 8 * 4;
    case WeightFormat::F16:
      return 32 * 8 * 2;
    case WeightFormat::BF16:
      return 32 * 8 * 2;
  }
  return 0;
}

inline constexpr uint32_t kBlobMagic = 0x42425445;  // "ETBB"
inline constexpr uint32_t kLayoutVersion = 1;

struct BlobHeader {
  uint32_t magic;    // kBlobMagic
  uint32_t version;  // kLayoutVersion
  uint32_t format;   // WeightFormat
  uint32_t rows;     // N, before padding to 8
  uint32_t cols;     // K
  uint32_t flags;    // 0
  uint64_t data_bytes;
  uint64_t checksum;  // XXH3-64 of the data; checked by `inspect --verify`, never at load
  uint64_t reserved[3];
};
static_assert(sizeof(BlobHeader) == 64);

// Bytes after the header; 0 if rows or cols is 0, cols % 32 != 0, or the size overflows.
size_t data_bytes(WeightFormat format, uint64_t rows, uint64_t cols);

// What a kernel works on: a checked blob. Views the blob's bytes, owns nothing.
struct Matrix {
  WeightFormat format{};
  size_t rows = 0;
  size_t cols = 0;
  const uint8_t* data = nullptr;  // first block
  size_t group_bytes() const { return cols / kBlock * block_bytes(format); }
  size_t groups() const { return (rows + kRowGroup - 1) / kRowGroup; }
};

// Checks magic, version, format and that the data lies inside `blob`. Cheap: a kernel calls it
// every time.
Result<Matrix> open_blob(std::span<const uint8_t> blob);

// Element (row, col) by the definitions above; the oracle of packers and kernels. Precondition:
// inside.
float element(const Matrix& matrix, size_t row, size_t col);

}  // namespace etb::layout
