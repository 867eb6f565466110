// Every GGUF type: the packed blob's elements are the reference dequantisation's. Blocks are random
// bytes with sane scales, so every bit of every field is exercised.
#include "layout/pack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "layout/half.h"

namespace etb::layout {
namespace {

void put_half(uint8_t* at, float value) {
  const uint16_t bits = float_to_half(value);
  std::memcpy(at, &bits, 2);
}

// Where a type keeps its f16 scales inside a block; npos: it has none there.
struct ScaleFields {
  size_t first = SIZE_MAX;
  size_t second = SIZE_MAX;
};
ScaleFields scale_fields(GgmlType type) {
  switch (type) {
    case GgmlType::Q4_0:
    case GgmlType::Q5_0:
    case GgmlType::Q8_0:
      return {0, SIZE_MAX};
    case GgmlType::Q4_1:
    case GgmlType::Q5_1:
    case GgmlType::Q4_K:
    case GgmlType::Q5_K:
      return {0, 2};
    case GgmlType::Q6_K:
      return {208, SIZE_MAX};
    default:
      return {};
  }
}

std::vector<uint8_t> random_rows(GgmlType type, size_t rows, size_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  const BlockInfo& info = block_info(type);
  std::vector<uint8_t> bytes(rows * row_bytes(type, cols));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  std::uniform_real_distribution<float> scale(-0.01f, 0.01f);
  const ScaleFields fields = scale_fields(type);
  for (size_t at = 0; at < bytes.size(); at += info.bytes) {
    if (type == GgmlType::F32) {
      const float value = scale(random);
      std::memcpy(bytes.data() + at, &value, 4);
    } else if (fields.first == SIZE_MAX) {
      bytes[at + 1] &= 0xbf;  // exponent below its top: finite
    }
    if (fields.first != SIZE_MAX) put_half(bytes.data() + at + fields.first, scale(random));
    if (fields.second != SIZE_MAX) put_half(bytes.data() + at + fields.second, scale(random));
  }
  return bytes;
}

std::vector<uint8_t> packed_blob(const RowSource& source, size_t groups_at_a_time) {
  const BlobHeader header = blob_header(source, 0);
  std::vector<uint8_t> blob(sizeof(header) + header.data_bytes, 0xcc);
  std::memcpy(blob.data(), &header, sizeof(header));
  const size_t groups = (source.rows + kRowGroup - 1) / kRowGroup;
  const size_t group_bytes = header.data_bytes / groups;
  for (size_t group = 0; group < groups; group += groups_at_a_time) {
    pack_groups(source, group, std::min(groups_at_a_time, groups - group),
                blob.data() + sizeof(header) + group * group_bytes);
  }
  return blob;
}

class PackEachType : public testing::TestWithParam<BlockInfo> {};

TEST_P(PackEachType, ElementsAreTheReferenceValues) {
  const GgmlType type = GetParam().type;
  const size_t rows = 21, cols = 512;
  const auto bytes = random_rows(type, rows, cols, 7);
  const RowSource source{type, rows, cols, bytes, {}};
  ASSERT_TRUE(check_source(source).ok());
  const auto blob = packed_blob(source, 2);
  const auto matrix = open_blob(blob);
  ASSERT_TRUE(matrix.ok()) << matrix.status().to_string();
  std::vector<float> expected(cols);
  const bool k_quant = GetParam().elements == 256;
  for (size_t row = 0; row < rows; ++row) {
    dequantise_row(type, bytes.data() + row * row_bytes(type, cols), cols, expected.data());
    for (size_t col = 0; col < cols; ++col) {
      const float got = element(*matrix, row, col);
      if (k_quant) {
        // Two roundings to f16, of terms no larger than 0.01 * 63 * 31 and 0.01 * 63.
        ASSERT_NEAR(got, expected[col], 0.01f * 127 * 32 * 0x1p-11f) << row << "," << col;
      } else {
        ASSERT_EQ(got, expected[col]) << row << "," << col;
      }
    }
  }
}

TEST_P(PackEachType, RowsPastTheEndAreZero) {
  const GgmlType type = GetParam().type;
  const auto bytes = random_rows(type, 3, 256, 9);
  const auto blob = packed_blob({type, 3, 256, bytes, {}}, 1);
  auto matrix = open_blob(blob);
  ASSERT_TRUE(matrix.ok());
  for (size_t row = 3; row < kRowGroup; ++row) {
    for (size_t col = 0; col < 256; ++col) ASSERT_EQ(element(*matrix, row, col), 0.0f);
  }
}

TEST_P(PackEachType, SizesThatDoNotFitAreRefused) {
  const GgmlType type = GetParam().type;
  const std::vector<uint8_t> bytes(row_bytes(type, 256) * 8);
  const std::span<const uint8_t> all(bytes);
  EXPECT_TRUE(check_source({type, 8, 256, all, {}}).ok());
  EXPECT_FALSE(check_source({type, 8, 256, all.first(all.size() - 1), {}}).ok());
  EXPECT_FALSE(check_source({type, 7, 256, all, {}}).ok());
  EXPECT_FALSE(check_source({type, 8, 250, all, {}}).ok());
  EXPECT_FALSE(check_source({type, 0, 256, {}, {}}).ok());
  EXPECT_FALSE(check_source({type, SIZE_MAX / 4, 256, all, {}}).ok());
  EXPECT_FALSE(check_source({type, 8, 256, all, {16, 16}}).ok());  // half a head
  EXPECT_FALSE(check_source({type, 8, 256, all, {4, 8}}).ok());
}

INSTANTIATE_TEST_SUITE_P(AllTypes, PackEachType, testing::ValuesIn(all_block_infos()),
                         [](const auto& block) { return std::string(block.param.name); });

// With unit scales and known minima the products are exact, so K-quants pack without any loss.
TEST(Pack, KQuantsAreExactWhereTheScaleProductsAre) {
  for (const GgmlType type : {GgmlType::Q4_K, GgmlType::Q5_K, GgmlType::Q6_K}) {
    auto bytes = random_rows(type, 8, 256, 11);
    for (size_t row = 0; row < 8; ++row) {
      uint8_t* block = bytes.data() + row * row_bytes(type, 256);
      const ScaleFields fields = scale_fields(type);
      put_half(block + fields.first, 0.25f);
      if (fields.second != SIZE_MAX) put_half(block + fields.second, 0.5f);
    }
    const auto blob = packed_blob({type, 8, 256, bytes, {}}, 1);
    auto matrix = open_blob(blob);
    ASSERT_TRUE(matrix.ok());
    std::vector<float> expected(256);
    for (size_t row = 0; row < 8; ++row) {
      dequantise_row(type, bytes.data() + row * row_bytes(type, 256), 256, expected.data());
      for (size_t col = 0; col < 256; ++col) {
        ASSERT_EQ(element(*matrix, row, col), expected[col]) << block_info(type).name;
      }
    }
  }
}

// Two rotated heads of 8 rows, 6 of them rotated: pairs (2i, 2i+1) become (i, i+3).
TEST(Pack, InterleavedRowsAreTurnedBack) {
  const RowOrder order{8, 6};
  const size_t expected[16] = {0, 2, 4, 1, 3, 5, 6, 7, 8, 10, 12, 9, 11, 13, 14, 15};
  for (size_t row = 0; row < 16; ++row) EXPECT_EQ(order.source_row(row), expected[row]) << row;

  std::vector<float> values(16 * 32);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i / 32);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(values.data()),
                                       values.size() * 4);
  const auto blob = packed_blob({GgmlType::F32, 16, 32, bytes, order}, 16);
  auto matrix = open_blob(blob);
  ASSERT_TRUE(matrix.ok());
  for (size_t row = 0; row < 16; ++row) {
    EXPECT_EQ(element(*matrix, row, 5), static_cast<float>(expected[row]));
  }
}

TEST(Blocks, NamesCoverWhatFilesCarry) {
  EXPECT_EQ(ggml_type_name(14), "Q6_K");
  EXPECT_EQ(ggml_type_name(10), "Q2_K");
  EXPECT_EQ(ggml_type_name(39), "MXFP4");
  EXPECT_EQ(ggml_type_name(12345), "unknown");
  EXPECT_EQ(block_info(10u), nullptr);
}

}  // namespace
}  // namespace etb::layout
