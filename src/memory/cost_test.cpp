// The estimate against what processes really grew by, and its arithmetic.
#include "memory/cost.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace etb::memory {
namespace {

constexpr uint64_t kKiB = 1024;

// A run of a prompt and 16 more tokens in a new process: growth of its resident pages from the
// start of main() to the end of the answer. 4 KiB pages, x86-64, release build, two threads.
struct Measured {
  std::string model;
  ModelFigures figures;
  uint32_t tokens;
  uint64_t dirty_kib;
  uint64_t clean_kib;
};

ModelFigures smollm2() {
  return {.file_bytes = 100450672,
          .activation_bytes = 1780800,
          .program_values = 323,
          .vocab = 49152,
          .kv_bytes_per_token = 23040,
          .kv_row_bytes = 128};
}

ModelFigures few_wide_heads() {
  return {.file_bytes = 14532757,
          .activation_bytes = 1128512,
          .program_values = 93,
          .vocab = 20000,
          .kv_bytes_per_token = 8960,
          .kv_row_bytes = 128};
}

ModelFigures many_layers() {
  return {.file_bytes = 20791445,
          .activation_bytes = 696384,
          .program_values = 524,
          .vocab = 5000,
          .kv_bytes_per_token = 12800,
          .kv_row_bytes = 64};
}

ModelFigures eight_layers_of_1b() {
  return {.file_bytes = 592986261,
          .activation_bytes = 8126528,
          .program_values = 103,
          .vocab = 128256,
          .kv_bytes_per_token = 16384,
          .kv_row_bytes = 128};
}

const std::vector<Measured>& measured() {
  static const std::vector<Measured> runs = {
      {"SmolLM2 135M", smollm2(), 116, 4844, 100432},
      {"SmolLM2 135M", smollm2(), 516, 14656, 100588},
      {"SmolLM2 135M", smollm2(), 1016, 25456, 100572},
      {"SmolLM2 135M", smollm2(), 2016, 47780, 100508},
      {"SmolLM2 135M", smollm2(), 4016, 93136, 100504},
      {"7 layers, width 320", few_wide_heads(), 144, 2840, 16624},
      {"7 layers, width 320", few_wide_heads(), 1016, 10408, 16592},
      {"50 layers, width 256", many_layers(), 116, 2824, 22844},
      {"50 layers, width 256", many_layers(), 506, 7772, 22844},
      {"50 layers, width 256", many_layers(), 2016, 26968, 22692},
      {"8 layers, width 2048", eight_layers_of_1b(), 144, 9100, 581588},
      {"8 layers, width 2048", eight_layers_of_1b(), 1016, 22920, 581704},
  };
  return runs;
}

TEST(ModelCost, IsCloseToWhatWasMeasured) {
  for (const Measured& run : measured()) {
    SCOPED_TRACE(run.model + " at " + std::to_string(run.tokens));
    const Estimate guess = estimate(model_cost(run.figures), run.tokens);
    const auto near = [](uint64_t bytes, uint64_t kib, double share) {
      const double wanted = static_cast<double>(kib * kKiB);
      EXPECT_NEAR(static_cast<double>(bytes), wanted, share * wanted);
    };
    near(guess.total_bytes(), run.dirty_kib + run.clean_kib, 0.02);
    near(guess.clean_bytes, run.clean_kib, 0.02);
    EXPECT_LT(run.dirty_kib * kKiB, guess.dirty_bytes + 800 * kKiB);
    EXPECT_LT(guess.dirty_bytes, run.dirty_kib * kKiB + 3000 * kKiB);
  }
}

TEST(ModelCost, KvGrowsByPages) {
  ModelCost cost = model_cost(smollm2());
  EXPECT_EQ(cost.kv_granularity, 32U);  // rows of 128 bytes in a page of 4 KiB
  EXPECT_EQ(kv_bytes(cost, 0), 0U);
  EXPECT_EQ(kv_bytes(cost, 1), 32 * 23040U);
  EXPECT_EQ(kv_bytes(cost, 32), 32 * 23040U);
  EXPECT_EQ(kv_bytes(cost, 33), 64 * 23040U);
  ModelFigures large_pages = smollm2();
  large_pages.page_bytes = 16384;
  EXPECT_EQ(model_cost(large_pages).kv_granularity, 128U);
  ModelFigures wide_heads = smollm2();
  wide_heads.kv_row_bytes = 512;
  EXPECT_EQ(model_cost(wide_heads).kv_granularity, 16U) << "a tile of keys";
}

// Whether some layers have a window or all of them.
TEST(ModelCost, LayersWithAWindowStopGrowing) {
  for (const uint64_t full : {0U, 3072U}) {
    ModelFigures figures = smollm2();
    figures.kv_bytes_per_token = full;
    figures.window_bytes_per_token = 15360;
    figures.window_positions = 1400;
    const ModelCost cost = model_cost(figures);
    EXPECT_EQ(kv_bytes(cost, 1280), 1280 * (full + 15360));
    EXPECT_EQ(kv_bytes(cost, 1440), 1440 * full + 1408 * 15360U) << "in pages of 32 positions";
    EXPECT_EQ(kv_bytes(cost, 99'968), 99'968 * full + 1408 * 15360U);
    EXPECT_EQ(kv_growth(cost, 4096, 8192), 4096 * full);
    EXPECT_EQ(kv_growth(cost, 640, 1280), 640 * (full + 15360));
    for (const uint32_t tokens : {0U, 640U, 1408U, 8192U}) {
      const uint32_t most = full == 0 && tokens >= 1408 ? 100'000 : tokens;
      EXPECT_EQ(tokens_within(cost, kv_bytes(cost, tokens), 100'000), most);
    }
  }
}

TEST(ModelCost, FurtherConversationsCostLess) {
  const ModelCost cost = model_cost(smollm2());
  EXPECT_GT(cost.session_bytes, 0U);
  EXPECT_LT(cost.session_bytes, cost.fixed_bytes);
}

TEST(ModelCost, TokensWithinIsTheInverse) {
  const ModelCost cost = model_cost(smollm2());
  for (const uint64_t bytes : {0ULL, 1ULL, 737279ULL, 737280ULL, 50'000'000ULL, 94'371'839ULL}) {
    const uint32_t tokens = tokens_within(cost, bytes, 4096);
    EXPECT_LE(kv_bytes(cost, tokens), bytes);
    EXPECT_GT(kv_bytes(cost, tokens + 1), bytes);
  }
  EXPECT_EQ(tokens_within(cost, UINT64_MAX, 4096), 4096U);
  EXPECT_EQ(tokens_within(ModelCost{}, 0, 4096), 4096U) << "a model without KV";
}

TEST(ModelCost, FiguresFromAHostileFileSaturate) {
  const ModelFigures figures{.file_bytes = UINT64_MAX,
                             .activation_bytes = UINT64_MAX,
                             .program_values = UINT64_MAX,
                             .vocab = UINT32_MAX,
                             .kv_bytes_per_token = UINT64_MAX,
                             .kv_row_bytes = UINT32_MAX,
                             .window_bytes_per_token = UINT64_MAX,
                             .window_positions = UINT64_MAX,
                             .page_bytes = UINT64_MAX - UINT32_MAX};
  const Estimate guess = estimate(model_cost(figures), UINT32_MAX);
  EXPECT_EQ(guess.clean_bytes, UINT64_MAX);
  EXPECT_EQ(guess.dirty_bytes, UINT64_MAX);
  EXPECT_EQ(guess.total_bytes(), UINT64_MAX);
  EXPECT_EQ(tokens_within(model_cost(figures), UINT64_MAX - 1, 4096), 0U);
}

}  // namespace
}  // namespace etb::memory
