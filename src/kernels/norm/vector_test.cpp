// Norm, quantisation, residual, gate, rotation and half stores: every path gives the oracle's bits,
// and the oracle gives what the formulas say in double.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/testing/paths.h"
#include "kernels/testing/random_blob.h"

namespace etb::kernels {
namespace {

using testing::bits;
using testing::for_each_vector_path;
using testing::Random;

// Random numbers with extremes strewn in.
std::vector<float> hard_numbers(size_t count, Random& random) {
  constexpr float kHard[] = {0.0f,   -0.0f, 1e-45f,   -1e-40f,   3e38f,
                             -3e38f, NAN,   INFINITY, -INFINITY, 1e-20f};
  std::vector<float> values = random.reals(count, 8.0f);
  for (float& value : values) {
    if (random.between(0, 40) == 0) value = kHard[random.between(0, std::size(kHard) - 1)];
  }
  return values;
}

TEST(RmsNorm, IsTheFormulaInDouble) {
  Random random(1);
  for (const size_t count : {32u, 96u, 576u}) {
    const std::vector<float> x = random.reals(count, 3.0f);
    const std::vector<float> w = random.reals(count);
    std::vector<float> y(count);
    scalar_table()->rms_norm(x.data(), w.data(), count, 1e-5f, y.data());
    double squares = 0;
    for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
    const double r = 1.0 / std::sqrt(squares / static_cast<double>(count) + 1e-5);
    for (size_t i = 0; i < count; ++i) {
      const double exact = static_cast<double>(x[i]) * r * static_cast<double>(w[i]);
      EXPECT_NEAR(static_cast<double>(y[i]), exact, 1e-6 * (1.0 + std::fabs(exact)));
    }
  }
}

TEST(RmsNorm, EveryPathGivesTheOraclesBits) {
  for_each_vector_path([](const KernelTable& table) {
    Random random(2);
    for (size_t count = 32; count <= 1024; count += 32) {
      const std::vector<float> x = random.reals(count, 100.0f);
      const std::vector<float> w = random.reals(count);
      std::vector<float> expected(count);
      std::vector<float> got(count);
      scalar_table()->rms_norm(x.data(), w.data(), count, 1e-6f, expected.data());
      table.rms_norm(x.data(), w.data(), count, 1e-6f, got.data());
      ASSERT_EQ(bits(got), bits(expected)) << path_name(table.path) << " " << count;
    }
  });
}

TEST(Quantise, StaysWithinHalfAStepAndSumsExactly) {
  Random random(3);
  const std::vector<float> y = random.reals(kActBlock, 5.0f);
  alignas(64) uint8_t memory[kActBlockBytes] = {};
  scalar_table()->quantise(y.data(), 1, memory, 1, 0);
  const ActBlock block = act_block(memory, 1, 0);
  int32_t sum = 0;
  for (size_t i = 0; i < kActBlock; ++i) {
    EXPECT_LE(std::fabs(y[i] - *block.s * static_cast<float>(block.q[i])), *block.s * 0.5001f);
    sum += block.q[i];
  }
  EXPECT_EQ(*block.sum, sum);
  EXPECT_EQ(*block.s_sum, *block.s * static_cast<float>(sum));
}

TEST(Quantise, ZerosGiveZeros) {
  const std::vector<float> y(kActBlock, 0.0f);
  alignas(64) uint8_t memory[kActBlockBytes];
  std::fill(std::begin(memory), std::end(memory), uint8_t{1});
  scalar_table()->quantise(y.data(), 1, memory, 1, 0);
  for (const uint8_t byte : memory) EXPECT_EQ(byte, 0);
}

TEST(Quantise, EveryPathAndTileSlotGivesTheOraclesBytes) {
  for_each_vector_path([](const KernelTable& table) {
    Random random(4);
    for (size_t tokens = 1; tokens <= kTokenTile; ++tokens) {
      const size_t blocks = random.between(1, 9);
      const size_t bytes = blocks * tokens * kActBlockBytes;
      std::vector<uint64_t> expected(bytes / 8 + 1);
      std::vector<uint64_t> got(bytes / 8 + 1);
      for (size_t t = 0; t < tokens; ++t) {
        std::vector<float> y = hard_numbers(blocks * kActBlock, random);
        // A NaN's own bits may differ between machines; infinities and the rest may not.
        for (float& value : y) value = std::isnan(value) ? 0.0f : value;
        auto* const a = reinterpret_cast<uint8_t*>(expected.data());
        auto* const b = reinterpret_cast<uint8_t*>(got.data());
        scalar_table()->quantise(y.data(), blocks, a, tokens, t);
        table.quantise(y.data(), blocks, b, tokens, t);
      }
      ASSERT_EQ(got, expected) << path_name(table.path) << " tile of " << tokens;
    }
  });
}

TEST(AddAndGate, EveryPathGivesTheOraclesBits) {
  for_each_vector_path([](const KernelTable& table) {
    Random random(5);
    for (size_t count = 1; count <= 48; ++count) {
      std::vector<float> expected = random.reals(count, 3.0f);
      std::vector<float> got = expected;
      const std::vector<float> y = random.reals(count, 3.0f);
      scalar_table()->add(expected.data(), y.data(), count);
      table.add(got.data(), y.data(), count);
      ASSERT_EQ(bits(got), bits(expected)) << path_name(table.path) << " " << count;
    }
    for (int round = 0; round < 200; ++round) {
      std::vector<float> expected = hard_numbers(64, random);
      for (float& value : expected) value = std::isnan(value) ? 200.0f : value;
      std::vector<float> got = expected;
      const std::vector<float> u = random.reals(64, 3.0f);
      scalar_table()->silu_mul(expected.data(), u.data(), 64);
      table.silu_mul(got.data(), u.data(), 64);
      for (size_t i = 0; i < 64; ++i) {
        if (std::isnan(expected[i]) && std::isnan(got[i])) expected[i] = got[i];
      }
      ASSERT_EQ(bits(got), bits(expected)) << path_name(table.path);
    }
  });
}

TEST(GeluAndSoftcap, EveryPathGivesTheOraclesBits) {
  for_each_vector_path([](const KernelTable& table) {
    Random random(8);
    for (int round = 0; round < 400; ++round) {
      std::vector<float> gelu = hard_numbers(64, random);
      std::vector<float> got = gelu;
      const std::vector<float> u = random.reals(64, 3.0f);
      std::vector<float> capped = random.reals(64, round % 2 == 0 ? 100.0f : 1e-3f);
      std::copy_n(gelu.begin(), 16, capped.begin());
      std::vector<float> got_capped = capped;
      scalar_table()->gelu_mul(gelu.data(), u.data(), 64);
      table.gelu_mul(got.data(), u.data(), 64);
      scalar_table()->softcap(capped.data(), 64, 30.0f);
      table.softcap(got_capped.data(), 64, 30.0f);
      for (size_t i = 0; i < 64; ++i) {
        if (std::isnan(gelu[i]) && std::isnan(got[i])) gelu[i] = got[i];
        if (std::isnan(capped[i]) && std::isnan(got_capped[i])) capped[i] = got_capped[i];
      }
      ASSERT_EQ(bits(got), bits(gelu)) << path_name(table.path);
      ASSERT_EQ(bits(got_capped), bits(capped)) << path_name(table.path);
    }
  });
}

TEST(Rotate, TurnsPairsAndEveryPathGivesTheOraclesBits) {
  for_each_vector_path([](const KernelTable& table) {
    Random random(6);
    for (size_t half = 1; half <= 64; ++half) {
      std::vector<float> expected = random.reals(2 * half, 2.0f);
      std::vector<float> got = expected;
      const std::vector<float> angles = random.reals(2 * half);
      scalar_table()->rotate(expected.data(), angles.data(), half);
      table.rotate(got.data(), angles.data(), half);
      ASSERT_EQ(bits(got), bits(expected)) << path_name(table.path) << " " << half;
    }
  });
  float head[] = {3.0f, 4.0f};
  const float quarter_turn[] = {0.0f, 1.0f};
  scalar_table()->rotate(head, quarter_turn, 1);
  EXPECT_EQ(head[0], -4.0f);
  EXPECT_EQ(head[1], 3.0f);
}

TEST(StoreF16, EveryPathAndStrideGivesTheOraclesBits) {
  for_each_vector_path([](const KernelTable& table) {
    Random random(7);
    for (const size_t stride : {1u, 16u}) {
      std::vector<float> x = hard_numbers(128, random);
      for (float& value : x) value = std::isnan(value) ? 1e-7f : value * 0.01f;
      x[3] = 65519.0f;
      x[4] = 65520.0f;
      x[5] = 2.98e-8f;
      std::vector<uint16_t> expected(128 * stride);
      std::vector<uint16_t> got(128 * stride);
      scalar_table()->store_f16(x.data(), 128, expected.data(), stride);
      table.store_f16(x.data(), 128, got.data(), stride);
      ASSERT_EQ(got, expected) << path_name(table.path) << " stride " << stride;
    }
  });
}

}  // namespace
}  // namespace etb::kernels
