// The sampler as a whole: order of its steps, history, reproducibility, errors.
#include "runner/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace etb::runner {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

Sampler make(const SamplerOptions& options, size_t vocab) {
  auto sampler = Sampler::create(options, vocab);
  EXPECT_TRUE(sampler.ok()) << sampler.status().to_string();
  return std::move(sampler).value();
}

// How often each token comes out of `draws` samples.
std::map<TokenId, int> tally(const SamplerOptions& options, const std::vector<float>& logits,
                             int draws = 20'000) {
  Sampler sampler = make(options, logits.size());
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.sample(logits).value()];
  return counts;
}

TEST(Sampler, IsGreedyByDefault) {
  Sampler sampler = make({}, 4);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 5, 5, 2}).value(), 1U);
}

TEST(Sampler, DrawsInProportionToProbability) {
  const std::vector<float> logits = {std::log(1.0F), std::log(2.0F), std::log(5.0F),
                                     std::log(2.0F)};
  const auto counts = tally({.temperature = 1}, logits);
  const double wanted[] = {0.1, 0.2, 0.5, 0.2};
  for (TokenId id = 0; id < 4; ++id) EXPECT_NEAR(counts.at(id) / 20'000.0, wanted[id], 0.01);
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
  const std::vector<float> logits = {0, 1};
  const auto share = [&](float t) { return tally({.temperature = t}, logits)[1] / 20'000.0; };
  for (const float t : {0.25F, 1.0F, 4.0F}) {
    EXPECT_NEAR(share(t), 1 / (1 + std::exp(-1.0 / static_cast<double>(t))), 0.012) << t;
  }
}

TEST(Sampler, StagesCutWhatMayComeOut) {
  const std::vector<float> logits = {4, 3, 2, 1, 0};
  EXPECT_EQ(tally({.temperature = 1, .top_k = 2}, logits).size(), 2U);
  EXPECT_EQ(tally({.temperature = 1, .top_p = 0.6F}, logits).size(), 1U);
  EXPECT_EQ(tally({.temperature = 1, .min_p = 0.2F}, logits).size(), 2U);
  EXPECT_LT(tally({.temperature = 1, .typical = 0.3F}, logits).size(), 5U);
  EXPECT_EQ(tally({.temperature = 1}, logits).size(), 5U);
}

TEST(Sampler, StagesRunInTheOrderAskedFor) {
  const std::vector<float> logits = {4, 3, 2, 1, 0};
  SamplerOptions options{.temperature = 4, .top_p = 0.6F};
  EXPECT_EQ(tally(options, logits).size(), 1U);  // before the temperature the best has 0.64
  options.stages = {SamplerStage::Temperature, SamplerStage::TopP};
  EXPECT_EQ(tally(options, logits).size(), 3U);  // after it 0.33, 0.26, 0.20, ...
}

TEST(Sampler, SameSeedSameTokens) {
  const std::vector<float> logits(1000, 0.0F);
  const auto run = [&](uint64_t seed) {
    Sampler sampler = make({.temperature = 1, .seed = seed}, logits.size());
    std::vector<TokenId> ids;
    for (int i = 0; i < 8; ++i) ids.push_back(sampler.sample(logits).value());
    return ids;
  };
  EXPECT_EQ(run(42), run(42));
  EXPECT_NE(run(42), run(43));
  // On every machine: 1000 u for the first outputs u of SplitMix64 with this seed.
  EXPECT_EQ(run(42), (std::vector<TokenId>{741, 159, 278, 344, 38, 868, 218, 800}));
}

TEST(Sampler, RepeatPenaltyPushesBackWhatWasThere) {
  Sampler sampler = make({.repeat_penalty = 2}, 4);
  const std::vector<float> logits = {4, 3, -1, -1.5F};
  EXPECT_EQ(sampler.sample(logits).value(), 0U);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits).value(), 1U);  // 4 / 2 < 3
  sampler.accept(1);
  EXPECT_EQ(sampler.sample(logits).value(), 0U);  // 4 / 2 > 3 / 2
  // A negative logit gets smaller too: -1 * 2 < -1.5.
  const std::vector<float> negative = {-9, -9, -1, -1.5F};
  sampler.accept(2);
  EXPECT_EQ(sampler.sample(negative).value(), 3U);
}

TEST(Sampler, PresenceCountsOnceAndFrequencyEachTime) {
  const std::vector<float> logits = {2.0F, 1.0F};
  const auto after = [&](SamplerOptions options, int times) {
    Sampler sampler = make(options, 2);
    for (int i = 0; i < times; ++i) sampler.accept(0);
    return sampler.sample(logits).value();
  };
  EXPECT_EQ(after({.presence_penalty = 0.9F}, 5), 0U);
  EXPECT_EQ(after({.presence_penalty = 1.1F}, 1), 1U);
  EXPECT_EQ(after({.frequency_penalty = 0.3F}, 3), 0U);
  EXPECT_EQ(after({.frequency_penalty = 0.3F}, 4), 1U);
}

TEST(Sampler, PenaltiesForgetWhatLeftTheWindow) {
  const std::vector<float> logits = {4, 3, 0};
  const auto after = [&](int window) {
    Sampler sampler = make({.repeat_penalty = 2, .penalty_window = window}, 3);
    const TokenId ids[] = {0, 2, 2};
    sampler.accept(ids);
    return sampler.sample(logits).value();
  };
  EXPECT_EQ(after(2), 0U);
  EXPECT_EQ(after(3), 1U);
  EXPECT_EQ(after(-1), 1U);
  EXPECT_EQ(after(0), 0U);
}

TEST(Sampler, DryBreaksALoop) {
  SamplerOptions options;
  options.dry.multiplier = 2;
  Sampler sampler = make(options, 4);
  const TokenId loop[] = {1, 2, 3, 1, 2};
  sampler.accept(loop);
  EXPECT_EQ(sampler.sample(std::vector<float>{4, 0, 0, 5}).value(), 0U);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(std::vector<float>{4, 0, 0, 5}).value(), 3U);
}

TEST(Sampler, BiasComesFirstAndBans) {
  const std::vector<float> logits = {4, 3, 0};
  EXPECT_EQ(make({.logit_bias = {{2, 10.0F}}}, 3).sample(logits).value(), 2U);
  EXPECT_EQ(make({.logit_bias = {{0, -kInf}}}, 3).sample(logits).value(), 1U);
  SamplerOptions warm{.temperature = 5, .logit_bias = {{0, -kInf}, {1, -kInf}}};
  EXPECT_EQ(tally(warm, logits).size(), 1U);
  warm.logit_bias.emplace_back(2, -kInf);
  for (const float temperature : {0.0F, 1.0F}) {
    warm.temperature = temperature;
    EXPECT_EQ(make(warm, 3).sample(logits).status().code(), StatusCode::InvalidArgument);
  }
}

TEST(Sampler, ABanSurvivesEveryPenalty) {
  Sampler sampler =
      make({.repeat_penalty = 0.5F, .presence_penalty = -50, .logit_bias = {{0, -kInf}}}, 2);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(std::vector<float>{9, 1}).value(), 1U);
}

TEST(Sampler, PenaltiesCannotMakeALogitInfinite) {
  Sampler sampler = make({.temperature = 1, .repeat_penalty = 1e-3F}, 2);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(std::vector<float>{3e38F, 1}).value(), 0U);
}

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  Sampler sampler = make({.temperature = 1}, 3);
  for (const float bad : {std::nanf(""), kInf, -kInf}) {
    const Status status = sampler.sample(std::vector<float>{1, bad, 2}).status();
    EXPECT_EQ(status.code(), StatusCode::Internal);
    EXPECT_NE(status.message().find("token 1"), std::string_view::npos);
  }
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 2}).status().code(), StatusCode::InvalidArgument);
}

TEST(Sampler, NamesTheOptionThatIsOutOfRange) {
  const float nan = std::nanf("");
  const std::pair<SamplerOptions, const char*> cases[] = {
      {{.temperature = -1}, "temperature"},
      {{.temperature = nan}, "temperature"},
      {{.top_p = 0}, "top-p"},
      {{.top_p = 1.5F}, "top-p"},
      {{.min_p = -0.1F}, "min-p"},
      {{.typical = 0}, "typical"},
      {{.repeat_penalty = 0}, "repeat-penalty"},
      {{.presence_penalty = nan}, "presence-penalty"},
      {{.frequency_penalty = kInf}, "frequency-penalty"},
      {{.penalty_window = -2}, "penalty-window"},
      {{.dry = {.multiplier = nan}}, "dry"},
      {{.dry = {.multiplier = 1, .base = 0.5F}}, "dry-base"},
      {{.dry = {.multiplier = 1, .window = -7}}, "dry-window"},
      {{.logit_bias = {{7, 1.0F}}}, "token 7"},
      {{.logit_bias = {{1, nan}}}, "token 1"},
      {{.stages = {SamplerStage::TopP, SamplerStage::TopP}}, "twice"},
      {{.stages = {static_cast<SamplerStage>(77)}}, "77"},
  };
  for (const auto& [options, word] : cases) {
    const Status status = Sampler::create(options, 7).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument) << word;
    EXPECT_NE(status.message().find(word), std::string_view::npos) << status.to_string();
  }
  EXPECT_EQ(Sampler::create({}, 0).status().code(), StatusCode::InvalidArgument);
}

}  // namespace
}  // namespace etb::runner
