// Look-up of drafts: by example, against a plain search, and at the ends of its memory.
#include "engine/lookup_draft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace etb {
namespace {

using Ids = std::vector<TokenId>;

Ids drafted(const PromptLookup& lookup, size_t most = 100) {
  const Draft draft = lookup.draft(most);
  return {draft.ids.begin(), draft.ids.end()};
}

PromptLookup after(const Ids& ids, const LookupOptions& options = {}) {
  PromptLookup lookup(options);
  lookup.accept(ids);
  return lookup;
}

TEST(PromptLookup, GoesOnAsItWentOnBefore) {
  EXPECT_EQ(drafted(after({1, 2, 3, 4, 5, 1, 2})), (Ids{3, 4, 5, 1, 2}));
  EXPECT_EQ(drafted(after({1, 2, 3, 4, 5, 1, 2}), 2), (Ids{3, 4}));
}

TEST(PromptLookup, ProposesNothingWithoutARunThatWasThere) {
  EXPECT_EQ(drafted(after({})), Ids());
  EXPECT_EQ(drafted(after({1})), Ids());
  EXPECT_EQ(drafted(after({1, 2, 3, 4, 9, 2})), Ids()) << "one token is no run of two";
  EXPECT_EQ(after({1, 2, 3, 4, 9, 2}).draft(9).match, 0U);
}

TEST(PromptLookup, TheLongestRunDecidesNotTheLatest) {
  const auto lookup = after({7, 1, 2, 3, 50, 9, 2, 3, 60, 7, 1, 2, 3});
  EXPECT_EQ(lookup.draft(1).match, 4U);
  EXPECT_EQ(drafted(lookup, 1), (Ids{50}));
}

TEST(PromptLookup, OfEqualRunsTheLatestDecides) {
  EXPECT_EQ(drafted(after({1, 2, 50, 1, 2, 60, 8, 1, 2}), 1), (Ids{60}));
}

TEST(PromptLookup, NeverProposesBeyondTheHistory) {
  EXPECT_EQ(drafted(after({5, 5, 5, 5, 5, 5})), (Ids{5}));
  EXPECT_EQ(drafted(after({1, 2, 1, 2, 1, 2})), (Ids{1, 2}));
}

TEST(PromptLookup, TheLengthsOfRunsAreSettable) {
  const Ids ids = {1, 2, 3, 50, 9, 3, 60, 1, 2, 3};
  EXPECT_EQ(drafted(after(ids, {.longest_match = 1, .shortest_match = 1}), 1), (Ids{60}));
  EXPECT_EQ(drafted(after(ids, {.longest_match = 8, .shortest_match = 4}), 1), Ids());
  // Out of range: clamped, never out of bounds.
  EXPECT_EQ(drafted(after(ids, {.longest_match = 999, .shortest_match = 3}), 1), (Ids{50}));
  EXPECT_EQ(drafted(after(ids, {.longest_match = 0, .shortest_match = 0}), 1), (Ids{60}));
}

TEST(PromptLookup, ForgetsAllOnReset) {
  PromptLookup lookup = after({1, 2, 3, 1, 2});
  lookup.reset();
  EXPECT_EQ(lookup.remembered(), 0U);
  EXPECT_EQ(drafted(lookup), Ids());
  lookup.accept(Ids{8, 9, 3, 8, 9});
  EXPECT_EQ(drafted(lookup, 1), (Ids{3}));
}

// The definition: the longest run first, the latest place first.
Ids plain_draft(const Ids& history, size_t longest, size_t shortest, size_t most) {
  for (size_t length = longest; length >= shortest; --length) {
    if (history.size() < length) continue;
    const auto tail = history.end() - static_cast<std::ptrdiff_t>(length);
    for (size_t end = history.size() - 1; end >= length; --end) {
      const auto run = history.begin() + static_cast<std::ptrdiff_t>(end - length);
      if (!std::equal(tail, history.end(), run)) continue;
      const auto from = history.begin() + static_cast<std::ptrdiff_t>(end);
      return {from, from + static_cast<std::ptrdiff_t>(std::min(most, history.size() - end))};
    }
  }
  return {};
}

TEST(PromptLookup, FindsWhatAPlainSearchFinds) {
  std::mt19937 rng(1);
  for (int round = 0; round < 300; ++round) {
    const size_t longest = 1 + rng() % PromptLookup::kMostMatch;
    const size_t shortest = 1 + rng() % longest;
    const uint32_t alphabet = 1 + static_cast<uint32_t>(rng() % 12);
    PromptLookup lookup({.longest_match = longest, .shortest_match = shortest});
    Ids history;
    for (size_t n = rng() % 400; n > 0; --n) {
      history.push_back(static_cast<TokenId>(rng() % alphabet));
      lookup.accept(history.back());
      const size_t most = rng() % 10;
      ASSERT_EQ(drafted(lookup, most), plain_draft(history, longest, shortest, most))
          << "round " << round << ", token " << history.size();
    }
  }
}

TEST(PromptLookup, OverManyTokensItsMemoryIsBoundedAndItFindsWhatIsLeft) {
  std::mt19937 rng(2);
  PromptLookup lookup({.capacity = 1000});
  Ids history;
  for (int i = 0; i < 20'000; ++i) {
    history.push_back(static_cast<TokenId>(rng() % 40));
    lookup.accept(history.back());
    ASSERT_LE(lookup.remembered(), 1000U);
    if (i > 1000) {
      ASSERT_GE(lookup.remembered(), 500U);
    }
    const Ids known(history.end() - static_cast<std::ptrdiff_t>(lookup.remembered()),
                    history.end());
    if (i % 7 != 0) continue;
    ASSERT_EQ(drafted(lookup, 5), plain_draft(known, 4, 2, 5)) << i;
  }
}

}  // namespace
}  // namespace etb
