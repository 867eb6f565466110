// Scratch sizes: the sum of their parts for real models, and never a small number for a huge one.
#include "layout/scratch.h"

#include <gtest/gtest.h>

namespace etb::layout {
namespace {

constexpr uint64_t kHuge = uint64_t{1} << 32;  // rows of a blob, tokens of a tensor

TEST(Scratch, IsTheSumOfItsParts) {
  // SmolLM2's layer at chunks of 128: 64 to align, then [128][576] floats and 18 blocks a token.
  const uint64_t input = 128 * 576 * 4 + 128 * 18 * 44;
  EXPECT_EQ(head_scratch_bytes(128, 576), 64 + input);
  EXPECT_EQ(mlp_scratch_bytes(128, 576, 1536), 64 + input + 128 * 1536 * 4 + 128 * 48 * 44);
  EXPECT_EQ(attention_scratch_bytes({128, 576, 9, 3, 64}), 64 + 2 * input + 128 * 960 * 4);
}

TEST(Scratch, PartsBeginOnCacheLines) {
  EXPECT_EQ(float_rows_bytes(1, 1), 64u);
  EXPECT_EQ(float_rows_bytes(1, 17), 128u);
  EXPECT_EQ(quantised_rows_bytes(1, 33), 128u);
}

// 2^32 tokens x 2^30 columns x 4 bytes are 2^64, which would wrap to nothing.
TEST(Scratch, WhatDoesNotFitIsMoreThanAnyMemory) {
  EXPECT_EQ(float_rows_bytes(kHuge, kHuge / 4), kTooMuchScratch);
  EXPECT_EQ(quantised_rows_bytes(kHuge, kHuge), kTooMuchScratch);
  EXPECT_EQ(head_scratch_bytes(kHuge, kHuge), kTooMuchScratch);
  EXPECT_EQ(mlp_scratch_bytes(kHuge, 32, kHuge / 4), kTooMuchScratch);
  EXPECT_EQ(mlp_scratch_bytes(kHuge, kHuge / 4, 32), kTooMuchScratch);
  EXPECT_EQ(attention_scratch_bytes({kHuge, 32, kHuge, 1, 16}), kTooMuchScratch);
  EXPECT_EQ(attention_scratch_bytes({1, 32, kHuge, 1, kHuge}), kTooMuchScratch);
  EXPECT_EQ(attention_scratch_bytes({1, 32, 1, kHuge, kHuge / 2}), kTooMuchScratch);
  EXPECT_EQ(quantised_rows_bytes(1, kTooMuchScratch), kTooMuchScratch);
}

}  // namespace
}  // namespace etb::layout
