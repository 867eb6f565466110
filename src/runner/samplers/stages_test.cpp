// Each stage against its plain definition on thousands of random rows: sort everything, add up,
// cut.
#include "runner/samplers/stages.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runner/test_rows.h"

namespace etb::runner {
namespace {

using namespace test;

TEST(Stages, TopKKeepsTheKBest) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    const size_t k = random() % (plain.size() + 3);
    top_k(candidates, k);
    const size_t kept = k == 0 ? plain.size() : std::min(k, plain.size());
    ASSERT_EQ(ids_of(candidates), ids_of(std::span(plain).first(kept)));
  });
}

TEST(Stages, TopPKeepsTheShortestHeadThatReachesP) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    // Away from the sums themselves: there rounding decides.
    const double p = 0.0005 + 0.999 * static_cast<double>(random() % 1000) / 1000;
    double sum = 0;
    size_t kept = 0;
    bool close = false;
    while (kept < plain.size() && sum < p) {
      sum += plain[kept++].p;
      close = close || std::abs(sum - p) < 1e-12;
    }
    if (close) return;
    top_p(candidates, p);
    ASSERT_EQ(ids_of(candidates), ids_of(std::span(plain).first(kept))) << p;
  });
}

TEST(Stages, MinPKeepsThoseNearTheBest) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    const double limit = 0.0005 + 0.999 * static_cast<double>(random() % 1000) / 1000;
    size_t kept = 0;
    while (kept < plain.size() && plain[kept].p >= limit * plain[0].p) ++kept;
    min_p(candidates, limit);
    ASSERT_EQ(ids_of(candidates), ids_of(std::span(plain).first(kept))) << limit;
  });
}

TEST(Stages, MinPOfOneKeepsTheBestAndItsEquals) {
  Candidates candidates;
  candidates.assign(std::vector<float>{1, 3, 2, 3});
  min_p(candidates, 1);
  EXPECT_EQ(ids_of(candidates), (std::set<TokenId>{1, 3}));
}

TEST(Stages, TypicalKeepsThoseOfTypicalSurprise) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    const double p = 0.0005 + 0.999 * static_cast<double>(random() % 1000) / 1000;
    double entropy = 0;
    for (const Entry& e : plain) entropy -= e.p * std::log(e.p);
    std::vector<std::pair<double, size_t>> order;
    for (size_t i = 0; i < plain.size(); ++i) {
      order.emplace_back(std::abs(-std::log(plain[i].p) - entropy), i);
    }
    // Equal logits have equal distances but for rounding: they count as equal here.
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first - 1e-9; });
    std::set<TokenId> wanted;
    double sum = 0;
    bool close = false;
    for (size_t i = 0; i < order.size() && (i == 0 || sum < p); ++i) {
      wanted.insert(plain[order[i].second].id);
      sum += plain[order[i].second].p;
      close = close || std::abs(sum - p) < 1e-9;
      const bool mirrored = i > 0 && order[i].first - order[i - 1].first < 1e-9 &&
                            plain[order[i].second].logit != plain[order[i - 1].second].logit;
      close = close || mirrored;  // two logits at the same distance, one on each side
    }
    if (close) return;
    typical(candidates, p);
    ASSERT_EQ(ids_of(candidates), wanted) << p;
  });
}

TEST(Stages, TemperatureScalesDistancesFromTheBest) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    const float t = 0.1F + static_cast<float>(random() % 100) / 40;
    const std::vector<Candidate> before(candidates.items().begin(), candidates.items().end());
    temperature(candidates, t);
    for (size_t i = 0; i < before.size(); ++i) {
      const float wanted = (before[i].logit - plain[0].logit) / t;
      ASSERT_EQ(candidates.items()[i].logit, wanted);
      ASSERT_EQ(candidates.items()[i].id, before[i].id);
    }
  });
}

TEST(Stages, ATinyTemperatureLeavesOnlyTheBest) {
  Candidates candidates;
  candidates.assign(std::vector<float>{3e38F, -3e38F, 2e38F});
  temperature(candidates, 1e-30F);
  for (const double point : {0.0, 0.5, 0.999}) EXPECT_EQ(draw(candidates, point), 0U);
}

TEST(Stages, AreListedByTheirNumbers) {
  for (size_t i = 0; i < all_stages().size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(all_stages()[i]->id), i) << all_stages()[i]->name;
    EXPECT_EQ(find_stage(all_stages()[i]->id), all_stages()[i]);
  }
  EXPECT_EQ(find_stage(static_cast<SamplerStage>(all_stages().size())), nullptr);
}

TEST(Stages, DoNothingWhereTheirOptionIsOff) {
  std::mt19937 random(2);
  const SamplerOptions off{.temperature = 1};
  for (const Stage* stage : all_stages()) {
    ASSERT_TRUE(stage->check(off).ok());
    const auto row = random_row(random);
    Candidates before, after;
    before.assign(row);
    after.assign(row);
    stage->run(after, off);
    ASSERT_EQ(after.size(), before.size()) << stage->name;
    for (size_t i = 0; i < before.size(); ++i) {
      ASSERT_EQ(after.items()[i].logit, before.items()[i].logit) << stage->name;
    }
  }
}

}  // namespace
}  // namespace etb::runner
