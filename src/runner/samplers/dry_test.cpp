// DRY against its definition, tried out suffix by suffix.
#include "runner/samplers/dry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace etb::runner {
namespace {

// The definition, with no thought for speed.
std::unordered_map<TokenId, size_t> plain_repeats(std::vector<TokenId> history,
                                                  const DryOptions& options,
                                                  const std::vector<TokenId>& breakers) {
  if (options.window >= 0 && history.size() > static_cast<size_t>(options.window)) {
    history.erase(history.begin(), history.end() - options.window);
  }
  const auto is_breaker = [&](TokenId id) {
    return std::find(breakers.begin(), breakers.end(), id) != breakers.end();
  };
  std::unordered_map<TokenId, size_t> repeats;
  for (size_t length = 1; length < history.size(); ++length) {
    if (is_breaker(history[history.size() - length])) break;
    for (size_t end = length; end < history.size(); ++end) {  // an earlier end of the suffix
      const bool same =
          std::equal(history.end() - static_cast<std::ptrdiff_t>(length), history.end(),
                     history.begin() + static_cast<std::ptrdiff_t>(end - length));
      if (same && !is_breaker(history[end])) repeats[history[end]] = length;
    }
  }
  return repeats;
}

TEST(Dry, FindsTheLongestRepeatOfEachToken) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    DryOptions options{.multiplier = 1};
    std::vector<TokenId> breakers;
    if (round % 3 == 0) breakers = {0};
    if (round % 5 == 0) options.window = static_cast<int>(random() % 30);
    std::vector<TokenId> history(random() % 60);
    const uint32_t alphabet = 1 + random() % 4;
    DryHistory dry(options, breakers);
    for (TokenId& id : history) {
      id = static_cast<TokenId>(random() % alphabet);
      dry.accept(id);
    }
    ASSERT_EQ(dry.repeats(), plain_repeats(history, options, breakers)) << round;
  }
}

TEST(Dry, PushesBackByLength) {
  DryHistory dry({.multiplier = 0.5F, .base = 2, .allowed_length = 2}, {});
  for (const TokenId id : {7U, 1U, 2U, 3U, 9U, 1U, 2U, 3U}) dry.accept(id);
  std::vector<float> logits(10, 0.0F);
  dry.apply(logits);
  // "1 2 3" was followed by 9: three tokens, so 0.5 * 2^(3 - 2). Nothing else continues a repeat.
  std::vector<float> wanted(10, 0.0F);
  wanted[9] = -1.0F;
  EXPECT_EQ(logits, wanted);
}

TEST(Dry, LeavesShortRepeatsAlone) {
  DryHistory dry({.multiplier = 1, .allowed_length = 3}, {});
  for (const TokenId id : {1U, 2U, 5U, 1U, 2U}) dry.accept(id);
  std::vector<float> logits(6, 0.0F);
  dry.apply(logits);
  EXPECT_EQ(logits, std::vector<float>(6, 0.0F));
}

TEST(Dry, StaysFiniteHoweverLongTheRepeat) {
  DryHistory dry({.multiplier = 5, .base = 10}, {});
  for (int i = 0; i < 5000; ++i) dry.accept(1);
  std::vector<float> logits(2, 0.0F);
  dry.apply(logits);
  EXPECT_EQ(logits[1], -1e6F);
  EXPECT_EQ(logits[0], 0.0F);
}

TEST(Dry, DoesNothingWhenOff) {
  DryHistory dry({}, {});
  for (int i = 0; i < 10; ++i) dry.accept(1);
  std::vector<float> logits(2, 0.0F);
  dry.apply(logits);
  EXPECT_EQ(logits, std::vector<float>(2, 0.0F));
  EXPECT_TRUE(dry.repeats().empty());
}

TEST(Dry, SkipsIdsBeyondTheLogits) {
  DryHistory dry({.multiplier = 1, .allowed_length = 1}, {});
  for (const TokenId id : {4U, 900U, 4U}) dry.accept(id);
  std::vector<float> logits(5, 0.0F);
  dry.apply(logits);
  EXPECT_EQ(logits, std::vector<float>(5, 0.0F));
}

}  // namespace
}  // namespace etb::runner
