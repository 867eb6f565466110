// The reference dequantisation against an independent one: tests/references/blocks/record.py has
// the blocks' recipe and recorded what the PyPI package gguf makes of them.
#include "layout/gguf_blocks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace etb::layout {
namespace {

std::vector<size_t> scale_offsets(GgmlType type) {
  switch (type) {
    case GgmlType::Q4_0:
    case GgmlType::Q5_0:
    case GgmlType::Q8_0:
      return {0};
    case GgmlType::Q4_1:
    case GgmlType::Q5_1:
    case GgmlType::Q4_K:
    case GgmlType::Q5_K:
      return {0, 2};
    case GgmlType::Q6_K:
      return {208};
    default:
      return {};
  }
}

std::vector<uint8_t> fixed_blocks(const BlockInfo& info) {
  const auto scales = scale_offsets(info.type);
  const size_t count = scales.empty() ? 64 : 3;
  std::vector<uint8_t> bytes(count * info.bytes);
  uint64_t state = 1;
  for (uint8_t& byte : bytes) {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    byte = static_cast<uint8_t>(z ^ (z >> 31));
  }
  for (size_t block = 0; block < count; ++block) {
    uint8_t* at = bytes.data() + block * info.bytes;
    for (size_t i = 0; i < scales.size(); ++i) {
      const auto half = static_cast<uint16_t>(0x2c00 + 341 * (block + 1) + 117 * i);
      std::memcpy(at + scales[i], &half, 2);
    }
    if (scales.empty()) at[info.bytes - 1] &= 0xbf;
  }
  return bytes;
}

uint64_t fnv1a(const std::vector<float>& values) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  uint64_t hash = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < values.size() * sizeof(float); ++i) {
    hash = (hash ^ bytes[i]) * 0x100000001b3ull;
  }
  return hash;
}

TEST(Blocks, DequantiseAsAnIndependentReaderDoes) {
  std::ifstream file(std::string(ETB_SOURCE_DIR) + "/tests/references/blocks/blocks.txt");
  ASSERT_TRUE(file.good());
  size_t types = 0;
  for (std::string line; std::getline(file, line); ++types) {
    std::istringstream words(line);
    std::string name, hash, first;
    size_t elements = 0;
    words >> name >> elements >> hash >> first;
    const BlockInfo* info = nullptr;
    for (const BlockInfo& candidate : all_block_infos()) {
      if (candidate.name == name) info = &candidate;
    }
    ASSERT_NE(info, nullptr) << name;
    const auto blocks = fixed_blocks(*info);
    ASSERT_EQ(blocks.size() / info->bytes * info->elements, elements) << name;
    std::vector<float> values(elements);
    dequantise_row(info->type, blocks.data(), elements, values.data());
    EXPECT_EQ(values[0], std::strtof(first.c_str(), nullptr)) << name;
    EXPECT_EQ(fnv1a(values), std::stoull(hash, nullptr, 16)) << name;
  }
  EXPECT_EQ(types, all_block_infos().size());
}

}  // namespace
}  // namespace etb::layout
