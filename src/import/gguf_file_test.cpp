// The GGUF reader: what it reads, and that nothing a hostile file says is believed.
#include "import/gguf_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/gguf_writer.h"
#include "support/random_gguf.h"

namespace etb::import {
namespace {

using layout::GgmlType;
using test::GgufWriter;

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
Result<GgufFile> parse(std::string_view bytes) {
  return GgufFile::parse(bytes_of(bytes), "model.gguf");
}
Status status_of(std::string_view bytes) {
  return parse(bytes).status();
}
bool mentions(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

std::string file_of(const GgufWriter& writer, uint32_t version = 3) {
  return writer.header(version) + std::string(writer.data_bytes(), '\1');
}

template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

GgufWriter sample() {
  GgufWriter writer;
  writer.key_text("general.architecture", "llama");
  writer.key_u32("a.count", 7);
  writer.key_f32("a.real", 0.5f);
  writer.key_bool("a.flag", true);
  writer.key_texts("a.texts", {"one", "", "three"});
  writer.key_floats("a.floats", {1.5f, -2.0f});
  writer.key_ints("a.ints", {3, -4});
  writer.tensor("matrix", GgmlType::Q4_0, {64, 3});
  writer.tensor("vector", GgmlType::F32, {5});
  return writer;
}

TEST(GgufFile, ReadsKeysByType) {
  const std::string bytes = file_of(sample());
  const auto file = parse(bytes);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ(**file->get_string("general.architecture"), "llama");
  EXPECT_EQ(**file->get_uint("a.count"), 7u);
  EXPECT_EQ(**file->get_real("a.real"), 0.5);
  EXPECT_EQ(**file->get_real("a.count"), 7.0);
  EXPECT_TRUE(**file->get_bool("a.flag"));
  EXPECT_EQ((**file->get_strings("a.texts")), (std::vector<std::string_view>{"one", "", "three"}));
  EXPECT_EQ((**file->get_floats("a.floats")), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ((**file->get_ints("a.ints")), (std::vector<int64_t>{3, -4}));
  EXPECT_FALSE((*file->get_uint("no.such")).has_value());
}

TEST(GgufFile, WrongTypesAreNamed) {
  const std::string bytes = file_of(sample());
  const auto file = parse(bytes);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(mentions(file->get_uint("a.real").status(), "'a.real'"));
  EXPECT_TRUE(mentions(file->get_string("a.count").status(), "'a.count'"));
  EXPECT_EQ(file->get_bool("a.count").status().code(), StatusCode::Corrupt);
  EXPECT_EQ(file->get_strings("a.ints").status().code(), StatusCode::Corrupt);
  EXPECT_EQ(file->get_floats("a.ints").status().code(), StatusCode::Corrupt);
  EXPECT_EQ(file->get_ints("a.texts").status().code(), StatusCode::Corrupt);
  EXPECT_EQ(file->get_real("a.texts").status().code(), StatusCode::Corrupt);
}

TEST(GgufFile, NegativeAndInfiniteNumbersAreNoCounts) {
  GgufWriter writer;
  writer.key_raw("minus", 5, raw(int32_t{-1}));
  writer.key_raw("huge", 10, raw(UINT64_MAX));
  writer.key_f32("infinite", std::numeric_limits<float>::infinity());
  const std::string bytes = file_of(writer);
  const auto file = parse(bytes);
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE(file->get_uint("minus").ok());
  EXPECT_FALSE(file->get_uint("huge").ok());
  EXPECT_FALSE(file->get_real("infinite").ok());
}

TEST(GgufFile, FindsTensorsAndTheirBytes) {
  const std::string bytes = file_of(sample());
  const auto file = parse(bytes);
  ASSERT_TRUE(file.ok());
  const GgufTensor* matrix = file->find_tensor("matrix");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->rows, 3u);
  EXPECT_EQ(matrix->cols, 64u);
  EXPECT_EQ(matrix->bytes.size(), 3u * 2 * 18);
  EXPECT_EQ(matrix->bytes.data(), bytes_of(bytes).data() + file->data_start());
  EXPECT_EQ(file->find_tensor("vector")->bytes.size(), 20u);
  EXPECT_EQ(file->find_tensor("none"), nullptr);
}

TEST(GgufFile, VersionsAndEndianness) {
  EXPECT_TRUE(status_of(file_of(sample(), 2)).ok());
  EXPECT_EQ(status_of(file_of(sample(), 1)).code(), StatusCode::Unsupported);
  EXPECT_EQ(status_of(file_of(sample(), 4)).code(), StatusCode::Unsupported);
  EXPECT_TRUE(mentions(status_of(file_of(sample(), 0x03000000)), "big-endian"));
  EXPECT_EQ(status_of("GGML" + file_of(sample()).substr(4)).code(), StatusCode::Corrupt);
  EXPECT_EQ(status_of("").code(), StatusCode::Corrupt);
}

TEST(GgufFile, UnknownTensorTypeNamesTensorTypeAndRemedy) {
  GgufWriter writer;
  writer.tensor_raw("blk.3.ffn_up.weight", 10, {256, 4}, 0);
  const Status status = status_of(file_of(writer));
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_TRUE(mentions(status, "blk.3.ffn_up.weight") && mentions(status, "Q2_K") &&
              mentions(status, "Q4_K"))
      << status.to_string();
}

TEST(GgufFile, DimensionsThatOverflowAreRefused) {
  const std::vector<std::vector<uint64_t>> hostile = {
      {0, 4},
      {32, 0},
      {32, uint64_t{1} << 63, 2},
      {uint64_t{1} << 63, 2},
      {UINT64_MAX / 32 * 32, 1},
      {uint64_t{1} << 32, uint64_t{1} << 32},
      {33, 4},
      {},
      {32, 1, 1, 1, 1},
  };
  for (const auto& dims : hostile) {
    GgufWriter writer;
    writer.tensor_raw("bad", 2, dims, 0);
    const Status status = status_of(writer.header() + std::string(64, '\0'));
    EXPECT_EQ(status.code(), StatusCode::Corrupt);
    EXPECT_TRUE(mentions(status, "'bad'")) << status.to_string();
  }
}

TEST(GgufFile, TensorsBeyondTheFileOrOverEachOtherAreRefused) {
  for (const uint64_t offset : {uint64_t{32}, uint64_t{1} << 40, UINT64_MAX - 8}) {
    GgufWriter writer;
    writer.tensor_raw("far", 0, {8}, offset);
    EXPECT_EQ(status_of(writer.header() + std::string(32, '\0')).code(), StatusCode::Corrupt);
  }
  GgufWriter writer;
  writer.tensor_raw("one", 0, {8}, 0);
  writer.tensor_raw("two", 0, {8}, 28);
  const Status status = status_of(writer.header() + std::string(64, '\0'));
  EXPECT_TRUE(mentions(status, "overlap")) << status.to_string();
}

TEST(GgufFile, NamesOccurOnce) {
  GgufWriter keys;
  keys.key_u32("k", 1);
  keys.key_u32("k", 2);
  EXPECT_TRUE(mentions(status_of(file_of(keys)), "'k' occurs twice"));
  GgufWriter tensors;
  tensors.tensor("t", GgmlType::F32, {8});
  tensors.tensor("t", GgmlType::F32, {8});
  EXPECT_TRUE(mentions(status_of(file_of(tensors)), "'t' occurs twice"));
}

TEST(GgufFile, LyingLengthsAndCountsAreRefusedAtOnce) {
  GgufWriter array;
  array.key_raw("a", 9, raw(uint32_t{8}) + raw(uint64_t{1} << 60));
  EXPECT_EQ(status_of(file_of(array)).code(), StatusCode::Corrupt);
  GgufWriter text;
  text.key_raw("t", 8, raw(UINT64_MAX));
  EXPECT_EQ(status_of(file_of(text)).code(), StatusCode::Corrupt);
  GgufWriter type;
  type.key_raw("t", 13, "");
  EXPECT_EQ(status_of(file_of(type)).code(), StatusCode::Corrupt);
  // Arrays of arrays of arrays ...: bounded.
  GgufWriter nested;
  std::string payload = raw(uint32_t{9});
  for (int i = 0; i < 100; ++i) payload += raw(uint64_t{1}) + raw(uint32_t{9});
  nested.key_raw("n", 9, payload);
  EXPECT_EQ(status_of(file_of(nested)).code(), StatusCode::Corrupt);
  std::string counts = "GGUF" + raw(uint32_t{3}) + raw(UINT64_MAX) + raw(UINT64_MAX);
  EXPECT_EQ(status_of(counts).code(), StatusCode::Corrupt);
}

TEST(GgufFile, AlignmentIsASmallPowerOfTwo) {
  for (const uint32_t alignment : {0u, 3u, 48u, 1u << 30}) {
    GgufWriter writer;
    writer.key_u32("general.alignment", alignment);
    EXPECT_TRUE(mentions(status_of(file_of(writer)), "general.alignment")) << alignment;
  }
  GgufWriter writer;
  writer.key_u32("general.alignment", 128);
  writer.tensor("t", GgmlType::F32, {8});
  const std::string bytes = writer.header(3, 128) + std::string(32, '\0');
  const auto file = parse(bytes);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ(file->data_start() % 128, 0u);
}

TEST(GgufFile, EveryTruncationIsAnError) {
  const std::string whole = test::random_gguf({});
  ASSERT_TRUE(status_of(whole).ok());
  const auto data_start = parse(whole)->data_start();
  for (size_t size = 0; size < data_start; size += 7) {
    EXPECT_FALSE(status_of(std::string_view(whole).substr(0, size)).ok()) << size;
  }
  for (size_t size = 0; size + 32 < whole.size(); size += 4096) {
    EXPECT_FALSE(status_of(std::string_view(whole).substr(0, size)).ok()) << size;
  }
}

TEST(GgufFile, FlippedTablesNeverLeadOutsideTheFile) {
  const std::string whole = test::random_gguf({.vocab = 300});
  const auto data_start = parse(whole)->data_start();
  const uint8_t* begin = nullptr;
  size_t accepted = 0;
  for (size_t at = 0; at < data_start; at += 3) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    begin = bytes_of(bad).data();
    const auto file = parse(bad);
    if (!file.ok()) continue;
    ++accepted;
    for (const GgufTensor& tensor : file->tensors()) {
      ASSERT_GE(tensor.bytes.data(), begin);
      ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), begin + bad.size());
    }
  }
  EXPECT_GT(accepted, 100u);  // names and texts may say anything
}

}  // namespace
}  // namespace etb::import
