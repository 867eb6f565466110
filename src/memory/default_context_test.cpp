// The context when nobody asks for one, from a small phone to a workstation.
#include "memory/default_context.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

namespace etb::memory {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

// A model of 1B: 800 MiB of weights, 32 KiB a token.
ModelCost one_billion() {
  ModelCost cost;
  cost.weight_bytes = 800 * kMiB;
  cost.fixed_bytes = 16 * kMiB;
  cost.kv_bytes_per_token = 32 * 1024;
  cost.kv_granularity = 32;
  return cost;
}

ContextInput on_device(uint64_t total, uint64_t available) {
  ContextInput input;
  input.cost = one_billion();
  input.trained = 131072;
  input.file_default = 4096;
  input.machine.total_bytes = total;
  input.machine.available_bytes = available;
  input.budget = make_budget({.machine = input.machine, .host_limit_bytes = {}});
  return input;
}

TEST(DefaultContext, ByTheMemoryOfTheDevice) {
  EXPECT_EQ(default_context(on_device(24 * kGiB, 20 * kGiB)).context, 4096U);
  EXPECT_EQ(default_context(on_device(9 * kGiB, 5 * kGiB)).context, 4096U);
  EXPECT_EQ(default_context(on_device(8 * kGiB, 5 * kGiB)).context, 2048U);
  EXPECT_EQ(default_context(on_device(6 * kGiB, 3 * kGiB)).context, 2048U);
  EXPECT_EQ(default_context(on_device(4 * kGiB, 3 * kGiB)).context, 1024U);
}

TEST(DefaultContext, SaysWhy) {
  EXPECT_EQ(default_context(on_device(20 * kGiB, 8 * kGiB)).reasoning,
            "a context of 4096 takes 128 MiB of KV cache, within 1/2 of the 5328 MiB left beside "
            "the model");
  EXPECT_EQ(default_context(on_device(8 * kGiB, 5 * kGiB)).reasoning,
            "a context of 2048 takes 64 MiB of KV cache: 1/2 of 4096 on a device with 8192 MiB of "
            "memory");
  EXPECT_EQ(default_context(on_device(4 * kGiB, 1280 * kMiB)).reasoning,
            "a context of 512 takes 16 MiB of KV cache; one of 4096 would take 128 MiB, more than "
            "1/4 of the 54 MiB left beside the model");
}

TEST(DefaultContext, NeverAboveWhatTheModelOrItsFileSays) {
  ContextInput input = on_device(64 * kGiB, 60 * kGiB);
  input.trained = 2048;
  EXPECT_EQ(default_context(input).context, 2048U);
  input.file_default = 100;
  EXPECT_EQ(default_context(input).context, 100U);
  input.trained = 64;
  EXPECT_EQ(default_context(input).context, 64U);
  input.trained = 0;
  input.file_default = 0;
  EXPECT_EQ(default_context(input).context, 4096U);
  input.file_default = 32768;
  EXPECT_EQ(default_context(input).context, 32768U);
}

TEST(DefaultContext, AControlGroupIsTheDevice) {
  ContextInput input = on_device(64 * kGiB, 60 * kGiB);
  input.machine.limit_bytes = 3 * kGiB;
  input.machine.limit_used_bytes = 10 * kMiB;
  input.budget = make_budget({.machine = input.machine, .host_limit_bytes = {}});
  EXPECT_EQ(default_context(input).context, 1024U);
}

TEST(DefaultContext, TheLimitOfAnAppLeavesLessForTheCache) {
  ContextInput input = on_device(12 * kGiB, 8 * kGiB);
  input.budget = make_budget({.machine = input.machine, .host_limit_bytes = 150 * kMiB});
  // 135 left, 119 beside the model, half of it: 59 MiB.
  EXPECT_EQ(default_context(input).context, 1024U);
}

TEST(DefaultContext, WhereNothingFitsItIsTheLeastAndAdmitRefuses) {
  const ContextInput input = on_device(2 * kGiB, 300 * kMiB);
  const ContextChoice choice = default_context(input);
  EXPECT_EQ(choice.context, 512U);
  EXPECT_EQ(admit(input.cost, choice.context, input.budget).code(), StatusCode::OutOfMemory);
}

TEST(DefaultContext, IsMonotoneInMemory) {
  std::mt19937_64 random(11);
  const auto up_to = [&random](uint64_t most) { return random() % (most + 1); };
  for (int i = 0; i < 500; ++i) {
    ModelCost cost = one_billion();
    cost.weight_bytes = up_to(4096) * kMiB;
    cost.kv_bytes_per_token = up_to(300'000);
    cost.window_bytes_per_token = up_to(1) * up_to(300'000);
    cost.window_positions = static_cast<uint32_t>(up_to(5000));
    const auto trained = static_cast<uint32_t>(up_to(40'000));
    const auto file_default = static_cast<uint32_t>(up_to(10'000));
    const uint64_t in_use = up_to(3000) * kMiB;
    uint32_t before = 0;
    for (uint64_t total = kGiB / 2; total <= 32 * kGiB; total += kGiB / 2) {
      ContextInput input = on_device(total, total - std::min(total, in_use));
      input.cost = cost;
      input.trained = trained;
      input.file_default = file_default;
      const uint32_t context = default_context(input).context;
      ASSERT_GE(context, before) << total / kMiB << " MiB";
      ASSERT_GT(context, 0U);
      if (trained != 0) {
        ASSERT_LE(context, trained);
      }
      const bool whole = context == trained || context == file_default;
      ASSERT_TRUE(whole || std::has_single_bit(context)) << context;
      before = context;
    }
  }
}

}  // namespace
}  // namespace etb::memory
