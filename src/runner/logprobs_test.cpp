// Log-probabilities against long double.
#include "runner/logprobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace etb::runner {
namespace {

TEST(Logprobs, MatchTheDefinition) {
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    std::vector<float> logits(1 + random() % 500);
    for (float& logit : logits) logit = static_cast<float>(random() % 4000) / 100.0F - 20.0F;
    long double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<long double>(logit));
    const double normalizer = log_sum_exp(logits).value();
    ASSERT_NEAR(normalizer, static_cast<double>(std::log(sum)), 1e-12);
    const TokenId id = static_cast<TokenId>(random() % logits.size());
    ASSERT_NEAR(logprob_of(logits, normalizer, id),
                static_cast<double>(static_cast<long double>(logits[id]) - std::log(sum)), 1e-5);
  }
}

TEST(Logprobs, SurviveLargeLogits) {
  const std::vector<float> logits = {3e38F, -3e38F, 3e38F};
  EXPECT_NEAR(logprob_of(logits, log_sum_exp(logits).value(), 0), -std::log(2.0), 1e30);
  EXPECT_EQ(log_sum_exp(std::vector<float>{-500, -500}).value(), -500 + std::log(2.0));
}

TEST(Logprobs, TopIsOrderedAndTiesGoById) {
  const std::vector<float> logits = {1, 3, 2, 3, 0};
  const double normalizer = log_sum_exp(logits).value();
  const auto top = top_logprobs(logits, normalizer, 3);
  ASSERT_EQ(top.size(), 3U);
  EXPECT_EQ(top[0].id, 1U);
  EXPECT_EQ(top[1].id, 3U);
  EXPECT_EQ(top[2].id, 2U);
  EXPECT_EQ(top[0].logprob, logprob_of(logits, normalizer, 1));
  EXPECT_EQ(top_logprobs(logits, normalizer, 99).size(), 5U);
  EXPECT_TRUE(top_logprobs(logits, normalizer, 0).empty());
}

TEST(Logprobs, TopHoldsAllTheProbability) {
  std::mt19937 random(9);
  std::vector<float> logits(2000);
  for (float& logit : logits) logit = static_cast<float>(random() % 1000) / 100.0F;
  double sum = 0;
  for (const TokenLogprob& t : top_logprobs(logits, log_sum_exp(logits).value(), logits.size())) {
    sum += std::exp(static_cast<double>(t.logprob));
  }
  EXPECT_NEAR(sum, 1, 1e-5);
}

TEST(Logprobs, RefuseLogitsThatAreNoNumbers) {
  EXPECT_EQ(log_sum_exp({}).status().code(), StatusCode::InvalidArgument);
  const std::vector<float> bad = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(log_sum_exp(bad).status().code(), StatusCode::Internal);
}

}  // namespace
}  // namespace etb::runner
