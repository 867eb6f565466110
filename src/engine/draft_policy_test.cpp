// Speculation pays or stays away: the costs as measured, the choice of a draft's length, and
// simulated answers of every kind with their account.
#include "engine/draft_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "engine/lookup_draft.h"

namespace etb {
namespace {

// Passes that cost 1 + slope for each drafted token.
PassCosts costs_with_slope(double slope) {
  PassCosts costs;
  for (size_t n = 1; n <= PassCosts::kMostTokens; ++n) {
    costs.add(n, 10 * (1 + slope * static_cast<double>(n - 1)));
  }
  return costs;
}

TEST(PassCosts, AreInPlainPasses) {
  PassCosts costs;
  costs.add(1, 20);
  costs.add(5, 30);
  EXPECT_DOUBLE_EQ(costs.of(0), 1);
  EXPECT_DOUBLE_EQ(costs.of(4), 1.5);
}

TEST(PassCosts, WhatWasNotMeasuredComesFromItsNeighbours) {
  PassCosts costs;
  costs.add(1, 10);
  EXPECT_DOUBLE_EQ(costs.of(1), 1.3) << "a guess, while only plain passes are known";
  costs.add(5, 14);
  EXPECT_DOUBLE_EQ(costs.of(2), 1.2);
  EXPECT_DOUBLE_EQ(costs.of(8), 1.8) << "beyond: as steep as so far";
  costs.add(9, 30);
  EXPECT_DOUBLE_EQ(costs.of(6), 2.2);
  EXPECT_DOUBLE_EQ(costs.of(4), 1.4);
}

TEST(PassCosts, NeverFallAndAreNeverBelowOne) {
  std::mt19937 rng(3);
  for (int round = 0; round < 500; ++round) {
    PassCosts costs;
    for (size_t n = rng() % 20; n > 0; --n) {
      costs.add(rng() % 40, static_cast<double>(rng() % 1000) / 10);
    }
    double before = 1;
    for (size_t draft = 0; draft < PassCosts::kMostTokens; ++draft) {
      ASSERT_GE(costs.of(draft), before - 1e-12) << draft;
      before = costs.of(draft);
      ASSERT_TRUE(std::isfinite(before));
    }
  }
}

TEST(PassCosts, FollowChangesButNotOneHiccup) {
  PassCosts costs;
  costs.add(1, 10);
  costs.add(2, 11);
  costs.add(2, 5000);  // the machine did something else
  EXPECT_LT(costs.of(1), 1.6);
  for (int i = 0; i < 40; ++i) costs.add(2, 18);
  EXPECT_NEAR(costs.of(1), 1.8, 0.01);
}

TEST(PassCosts, IgnoreWhatIsNoTime) {
  PassCosts costs;
  costs.add(1, 10);
  for (const double bad : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    costs.add(2, bad);
  }
  costs.add(0, 5);
  costs.add(99, 5);
  EXPECT_DOUBLE_EQ(costs.of(1), 1.3);
}

TEST(DraftPolicy, TakesTheLengthWithTheBestRatio) {
  DraftPolicy policy;
  // A pass that costs the same however long: as much as there is.
  EXPECT_EQ(policy.length(5, 4, costs_with_slope(0)), 5U);
  EXPECT_EQ(policy.length(99, 4, costs_with_slope(0)), policy.longest_draft());
  // Dearer tokens: fewer, and none once they cannot pay.
  const size_t some = policy.length(8, 4, costs_with_slope(0.15));
  EXPECT_GE(some, 1U);
  EXPECT_LT(some, 8U);
  EXPECT_EQ(policy.length(8, 4, costs_with_slope(1)), 0U);
  EXPECT_EQ(policy.length(0, 4, costs_with_slope(0)), 0U);
}

TEST(DraftPolicy, TrustsLongRunsMoreThanShortOnes) {
  DraftPolicy policy;
  EXPECT_GT(policy.acceptance(4), policy.acceptance(2));
  EXPECT_GE(policy.length(8, 4, costs_with_slope(0.1)), policy.length(8, 2, costs_with_slope(0.1)));
}

TEST(DraftPolicy, LearnsForEachLengthOfRunByItself) {
  DraftPolicy policy;
  for (int i = 0; i < 10; ++i) policy.report({.match = 2, .drafted = 4, .accepted = 0, .cost = 1});
  for (int i = 0; i < 10; ++i) policy.report({.match = 4, .drafted = 4, .accepted = 4, .cost = 1});
  EXPECT_LT(policy.acceptance(2), 0.15);
  EXPECT_GT(policy.acceptance(4), 0.9);
  EXPECT_EQ(policy.stats().passes, 20U);
  EXPECT_EQ(policy.stats().drafted, 80U);
  EXPECT_EQ(policy.stats().accepted, 40U);
}

TEST(DraftPolicy, APlainPassIsNoStatistic) {
  DraftPolicy policy;
  policy.report({});
  EXPECT_EQ(policy.stats().passes, 0U);
  EXPECT_DOUBLE_EQ(policy.credit(), DraftPolicy::kFirstCredit + DraftPolicy::kLossShare);
}

// An answer in which drafts are right with probability `right`, token by token.
struct Tally {
  double tokens = 0;
  double cost = 0;
  double speed() const { return tokens / cost; }
};

struct Simulation {
  DraftPolicy policy;
  std::mt19937 rng{7};
  Tally all;

  Tally run(double right, const PassCosts& costs, int passes) {
    std::uniform_real_distribution<double> uniform;
    Tally tally;
    for (; passes > 0; --passes) {
      DraftPass pass;
      pass.match = 2 + rng() % 3;
      pass.drafted = policy.length(rng() % 12, pass.match, costs);
      while (pass.accepted < pass.drafted && uniform(rng) < right) ++pass.accepted;
      pass.cost = costs.of(pass.drafted);
      policy.report(pass);
      for (Tally* sum : {&tally, &all}) {
        sum->tokens += 1 + static_cast<double>(pass.accepted);
        sum->cost += pass.cost;
      }
      // The promise, at every moment.
      EXPECT_LE(all.cost,
                all.tokens * (1 + DraftPolicy::kLossShare) + DraftPolicy::kFirstCredit + 1e-9);
    }
    return tally;
  }
};

double speed_at(double right, double slope) {
  Simulation simulation;
  return simulation.run(right, costs_with_slope(slope), 4000).speed();
}

TEST(DraftPolicy, GainsWhereDraftsAreRight) {
  EXPECT_GT(speed_at(0.95, 0.1), 2.2);
  EXPECT_GT(speed_at(0.8, 0.1), 1.6);
  EXPECT_GT(speed_at(0.8, 0.3), 1.15);
  EXPECT_GT(speed_at(0.95, 0.0), 3.5);
}

TEST(DraftPolicy, LosesLittleWhereTheyAreWrong) {
  for (const double right : {0.0, 0.02, 0.1, 0.2, 0.3}) {
    for (const double slope : {0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 2.0}) {
      EXPECT_GT(speed_at(right, slope), 0.99) << "right " << right << ", slope " << slope;
    }
  }
}

TEST(DraftPolicy, EvenInAShortAnswerTheLossIsBounded) {
  for (const int passes : {1, 5, 20, 50}) {
    Simulation simulation;
    const Tally tally = simulation.run(0, costs_with_slope(0.2), passes);
    EXPECT_LE(tally.cost - tally.tokens, DraftPolicy::kFirstCredit + 0.01 * passes);
  }
}

TEST(DraftPolicy, FindsItsWayBackWhenTheTextBeginsToRepeat) {
  Simulation simulation;
  const PassCosts costs = costs_with_slope(0.15);
  EXPECT_GT(simulation.run(0.03, costs, 3000).speed(), 0.99);
  EXPECT_GT(simulation.run(0.95, costs, 300).speed(), 1.5);
  // The good stretch lays by a few passes for the next bad one, no more.
  const Tally again = simulation.run(0.03, costs, 3000);
  EXPECT_LT(again.cost - again.tokens, 3000 * 0.01 + 5);
}

TEST(DraftPolicy, KeepsItsPromiseWhateverTheTextAndTheMachineDo) {
  std::mt19937 rng(11);
  for (int round = 0; round < 200; ++round) {
    Simulation simulation;
    simulation.policy =
        DraftPolicy({.longest_draft = rng() % 40, .margin = static_cast<double>(rng() % 3) / 10});
    for (int phase = 0; phase < 10; ++phase) {
      const double right = static_cast<double>(rng() % 100) / 100;
      const double slope = static_cast<double>(rng() % 100) / 100;
      simulation.run(right, costs_with_slope(slope), 50);
      if (HasFailure()) FAIL() << "round " << round;
    }
  }
}

// Look-up and policy together, as the decode loop drives them: `text` is what the model says.
Tally decode(const std::vector<TokenId>& prompt, const std::vector<TokenId>& text,
             const PassCosts& costs) {
  PromptLookup lookup;
  DraftPolicy policy;
  Tally tally;
  lookup.accept(prompt);
  for (size_t at = 0; at < text.size();) {
    const Draft draft = lookup.draft(policy.longest_draft());
    DraftPass pass{.match = draft.match};
    pass.drafted = policy.length(draft.ids.size(), draft.match, costs);
    while (pass.accepted < pass.drafted && at + pass.accepted < text.size() &&
           draft.ids[pass.accepted] == text[at + pass.accepted]) {
      ++pass.accepted;
    }
    pass.cost = costs.of(pass.drafted);
    policy.report(pass);
    const size_t said = std::min(pass.accepted + 1, text.size() - at);
    lookup.accept(std::span(text).subspan(at, said));
    at += said;
    tally.tokens += static_cast<double>(said);
    tally.cost += pass.cost;
  }
  return tally;
}

// Words that follow each other by chance, common ones more often.
std::vector<TokenId> free_text(std::mt19937& rng, size_t size) {
  std::vector<TokenId> ids(size);
  for (TokenId& id : ids) {
    const double u = static_cast<double>(rng() % 1'000'000) / 1e6;
    id = static_cast<TokenId>(2000 * u * u * u);
  }
  return ids;
}

TEST(Speculation, AnEditedCopyOfThePromptGoesFaster) {
  std::mt19937 rng(13);
  const auto prompt = free_text(rng, 1000);
  std::vector<TokenId> edited = prompt;
  for (size_t i = 20; i < edited.size(); i += 20 + rng() % 20) edited[i] = 5000;
  EXPECT_GT(decode(prompt, edited, costs_with_slope(0.1)).speed(), 2);
  EXPECT_GT(decode(prompt, edited, costs_with_slope(0.3)).speed(), 1.2);
}

TEST(Speculation, FreeTextIsHardlySlower) {
  std::mt19937 rng(17);
  const auto prompt = free_text(rng, 500);
  const auto text = free_text(rng, 3000);
  for (const double slope : {0.05, 0.1, 0.3, 1.0}) {
    EXPECT_GT(decode(prompt, text, costs_with_slope(slope)).speed(), 0.99) << slope;
  }
}

}  // namespace
}  // namespace etb
