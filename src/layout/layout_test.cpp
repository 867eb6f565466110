// What a blob's bytes mean, and which blobs are refused. Packing has its own test; here blocks are
// written by hand from the definition.
#include "layout/layout.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "layout/half.h"

namespace etb::layout {
namespace {

std::vector<uint8_t> make_blob(WeightFormat format, uint32_t rows, uint32_t cols) {
  BlobHeader header{};
  header.magic = kBlobMagic;
  header.version = kLayoutVersion;
  header.format = static_cast<uint32_t>(format);
  header.rows = rows;
  header.cols = cols;
  header.data_bytes = data_bytes(format, rows, cols);
  std::vector<uint8_t> blob(sizeof(header) + header.data_bytes);
  std::memcpy(blob.data(), &header, sizeof(header));
  return blob;
}

void put_half(std::vector<uint8_t>& blob, size_t at, float value) {
  const uint16_t bits = float_to_half(value);
  std::memcpy(blob.data() + sizeof(BlobHeader) + at, &bits, 2);
}

TEST(Half, EveryValueGoesThereAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = half_to_float(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {  // quiet as a float, with its sign and payload; back, the one NaN
      const uint32_t quiet = (bits & 0x8000u) << 16 | 0x7fc00000u | (bits & 0x3ffu) << 13;
      EXPECT_EQ(std::bit_cast<uint32_t>(value), quiet);
      EXPECT_EQ(float_to_half(value), kHalfNan);
    } else {
      ASSERT_EQ(float_to_half(value), bits);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f), 0x3c00);             // tie, down to even
  EXPECT_EQ(float_to_half(1.0f + 0x1p-10f + 0x1p-11f), 0x3c02);  // tie, up to even
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);  // just above the tie
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(0x1p-25f), 0);
  EXPECT_EQ(float_to_half(0x1.8p-24f), 2);
  EXPECT_EQ(float_to_half(-0x1p-24f), 0x8001);
}

TEST(Layout, NamesGoThereAndBack) {
  for (uint32_t i = 1; i <= 8; ++i) {
    const auto format = static_cast<WeightFormat>(i);
    auto back = format_from_name(format_name(format));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, format);
  }
  EXPECT_EQ(format_from_name("w3z").status().code(), StatusCode::Unsupported);
}

TEST(Layout, SizesCountWholeRowGroups) {
  EXPECT_EQ(data_bytes(WeightFormat::W4S, 8, 32), 144u);
  EXPECT_EQ(data_bytes(WeightFormat::W4A, 9, 64), 2u * 2 * 160);
  EXPECT_EQ(data_bytes(WeightFormat::F32, 1, 32), 1024u);
  EXPECT_EQ(data_bytes(WeightFormat::W8S, 0, 32), 0u);
  EXPECT_EQ(data_bytes(WeightFormat::W8S, 8, 33), 0u);
  EXPECT_EQ(data_bytes(WeightFormat::F32, uint64_t{1} << 40, 32), 0u);
  EXPECT_EQ(data_bytes(static_cast<WeightFormat>(99), 8, 32), 0u);
  EXPECT_EQ(data_bytes(WeightFormat::F32, 0xffffffffu, 0xffffffe0u), 0u);
}

TEST(Layout, FourBitElementsFollowTheNibblePairing) {
  auto blob = make_blob(WeightFormat::W4A, 8, 32);
  put_half(blob, 2 * 3, 0.5f);                            // d of row 3
  put_half(blob, 16 + 2 * 3, -1.0f);                      // m of row 3
  blob[sizeof(BlobHeader) + 32 + 64 + 3 * 8 + 1] = 0xa5;  // row 3, byte 9: columns 9 and 25
  auto matrix = open_blob(blob);
  ASSERT_TRUE(matrix.ok());
  EXPECT_EQ(element(*matrix, 3, 9), 0.5f * 5 - 1);
  EXPECT_EQ(element(*matrix, 3, 25), 0.5f * 10 - 1);
  EXPECT_EQ(element(*matrix, 3, 10), -1.0f);
  EXPECT_EQ(element(*matrix, 4, 9), 0.0f);
}

TEST(Layout, SixteenColumnScalesSwitchAtColumnSixteen) {
  auto blob = make_blob(WeightFormat::W8G16, 8, 32);
  put_half(blob, 2 * 7, 2.0f);
  put_half(blob, 16 + 2 * 7, 4.0f);
  blob[sizeof(BlobHeader) + 32 + 64 + 7 * 8 + 7] = static_cast<uint8_t>(-3);   // column 15
  blob[sizeof(BlobHeader) + 32 + 128 + 7 * 8 + 0] = static_cast<uint8_t>(-3);  // column 16
  auto matrix = open_blob(blob);
  ASSERT_TRUE(matrix.ok());
  EXPECT_EQ(element(*matrix, 7, 15), -6.0f);
  EXPECT_EQ(element(*matrix, 7, 16), -12.0f);
}

TEST(Layout, FloatBlocksAreColumnMajor) {
  auto blob = make_blob(WeightFormat::F32, 16, 64);
  const float value = 7.25f;
  // Row 10 = group 1 row 2; column 40 = block 1 column 8.
  const size_t at = sizeof(BlobHeader) + 2 * 1024 + 1024 + 4 * (8 * 8 + 2);
  std::memcpy(blob.data() + at, &value, 4);
  auto matrix = open_blob(blob);
  ASSERT_TRUE(matrix.ok());
  EXPECT_EQ(element(*matrix, 10, 40), 7.25f);
}

TEST(Layout, DamagedHeadersAreRefused) {
  const auto good = make_blob(WeightFormat::W8S, 8, 32);
  ASSERT_TRUE(open_blob(good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(open_blob(std::span(good).first(size)).status().code(), StatusCode::Corrupt) << size;
  }
  // Every header byte up to data_bytes matters: a flip is refused or changes nothing unsafe.
  for (size_t byte = 0; byte < offsetof(BlobHeader, checksum); ++byte) {
    auto bad = good;
    bad[byte] ^= 0x40;
    auto opened = open_blob(bad);
    if (opened.ok()) {
      EXPECT_LE(data_bytes(opened->format, opened->rows, opened->cols),
                good.size() - sizeof(BlobHeader));
    }
  }
}

}  // namespace
}  // namespace etb::layout
