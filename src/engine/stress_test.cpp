// 100,000 operations of eight threads on a scripted model.
#include <gtest/gtest.h>

#include <cstdio>

#include "engine/testing/byte_model.h"
#include "engine/testing/stress.h"

namespace etb {
namespace {

#ifdef ETB_EMULATED
constexpr int kOperations = 10'000;
#else
constexpr int kOperations = 100'000;
#endif

TEST(Stress, EveryRequestEndsExactlyOnce) {
  const auto runner = testing::byte_runner("a few words", 256);
  testing::Stress stress(
      {.engine = testing::engine_on(runner), .model = "byte-model", .operations = kOperations});
  stress.run();
  const testing::Stress::Outcome outcome = stress.outcome();
  std::printf("%zu requests: %zu answered, %zu cancelled, %zu failed\n", outcome.requests,
              outcome.answered, outcome.cancelled, outcome.failed);
  EXPECT_EQ(outcome.wrong, 0u);
  EXPECT_EQ(outcome.different, 0u);
  EXPECT_GT(outcome.requests, static_cast<size_t>(kOperations) / 10);
  EXPECT_GT(outcome.answered, 0u);
  EXPECT_GT(outcome.cancelled, 0u);
  EXPECT_EQ(outcome.answered + outcome.cancelled + outcome.failed, outcome.requests);
}

}  // namespace
}  // namespace etb
