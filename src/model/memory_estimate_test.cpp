// Sums over what the file says, without overflow.
#include "model/memory_estimate.h"

#include <gtest/gtest.h>

namespace etb::model {
namespace {

Manifest small_model() {
  Manifest manifest;
  manifest.shape.layers = 30;
  manifest.shape.heads = 9;
  manifest.shape.kv_heads = 3;
  manifest.shape.head_dim = 64;
  return manifest;
}

PteSummary planned(std::vector<std::vector<uint64_t>> plans) {
  PteSummary summary;
  for (std::vector<uint64_t>& plan : plans) {
    MethodSummary method;
    method.planned_bytes = std::move(plan);
    summary.methods.push_back(std::move(method));
  }
  return summary;
}

TEST(MemoryEstimate, OfOurOwnFileGrowsWithTheConversation) {
  PteSummary summary = planned({{1000, 50'000'000}, {4000, 50'000'000}, {}});
  summary.constant_bytes = 80'000'000;
  const Manifest manifest = small_model();
  // Keys and values, f16: 2 x 2 bytes x 3 heads x 64 dims x 30 layers a token.
  const uint64_t per_token = 2 * 2 * 3 * 64 * 30;
  const MemoryEstimate at_512 = estimate_memory(summary, manifest, 512);
  EXPECT_EQ(at_512.weight_bytes, 80'000'000U);
  EXPECT_EQ(at_512.kv_bytes_per_token, per_token);
  EXPECT_EQ(at_512.kv_bytes, 512 * per_token);
  EXPECT_EQ(at_512.activation_bytes, 4000U);  // methods share them: the largest counts
  EXPECT_EQ(at_512.dirty_bytes(), 512 * per_token + 4000);
  EXPECT_EQ(at_512.total_bytes(), 80'000'000 + 512 * per_token + 4000);
  // Keys and values are planned in pieces of 64 positions.
  EXPECT_EQ(estimate_memory(summary, manifest, 513).kv_bytes, 576 * per_token);
  EXPECT_EQ(estimate_memory(summary, manifest, 0).kv_bytes, 0U);
}

TEST(MemoryEstimate, HostileFiguresSaturate) {
  constexpr uint64_t kMost = ~uint64_t{0};
  PteSummary summary = planned({{kMost, kMost}});
  summary.constant_bytes = kMost;
  const MemoryEstimate estimate = estimate_memory(summary, small_model(), 64);
  EXPECT_EQ(estimate.activation_bytes, kMost);
  EXPECT_EQ(estimate.total_bytes(), kMost);
}

TEST(MemoryEstimate, AFileWithoutMethodsNeedsNothing) {
  EXPECT_EQ(estimate_memory(PteSummary(), small_model(), 0).total_bytes(), 0U);
}

}  // namespace
}  // namespace etb::model
