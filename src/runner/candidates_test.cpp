// The candidate array and the draw against their plain definitions on thousands of random rows.
#include "runner/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

#include "base/clock.h"
#include "runner/samplers/stages.h"
#include "runner/test_rows.h"

namespace etb::runner {
namespace {

using namespace test;

TEST(Candidates, SortGivesTheBestInOrderAndTheRestById) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    candidates.sort(random() % (plain.size() + 5));
    ASSERT_EQ(candidates.size(), plain.size());
    for (size_t i = 0; i < candidates.sorted(); ++i) {
      ASSERT_EQ(candidates.items()[i].id, plain[i].id);
    }
    for (size_t i = candidates.sorted() + 1; i < candidates.size(); ++i) {
      ASSERT_LT(candidates.items()[i - 1].id, candidates.items()[i].id);
    }
  });
}

TEST(Candidates, AssignBestIsAssignAndTopK) {
  std::mt19937 random(5);
  for (int i = 0; i < kRows; ++i) {
    auto row = random_row(random);
    if (i % 100 == 0) row.resize(3000, 1.5F);  // more than the heap takes
    const size_t k = 1 + random() % row.size();
    Candidates fast, plain;
    fast.assign_best(row, k);
    plain.assign(row);
    plain.sort(k);
    plain.keep(std::min(k, plain.size()));
    ASSERT_EQ(fast.size(), plain.size());
    for (size_t j = 0; j < fast.size(); ++j) {
      ASSERT_EQ(fast.items()[j].id, plain.items()[j].id);
      ASSERT_EQ(fast.items()[j].logit, plain.items()[j].logit);
    }
  }
}

TEST(Candidates, DrawFollowsTheCumulativeDistribution) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    candidates.sort(candidates.size());
    const double point = static_cast<double>(random() % 100'000) / 100'000;
    double sum = 0;
    size_t at = 0;
    while (at + 1 < plain.size() && sum + plain[at].p <= point) sum += plain[at++].p;
    const double distance = std::min(std::abs(sum - point), std::abs(sum + plain[at].p - point));
    if (distance < 1e-12) return;
    ASSERT_EQ(draw(candidates, point), plain[at].id);
  });
}

TEST(Candidates, DrawAtTheEndsStaysInside) {
  Candidates candidates;
  candidates.assign(std::vector<float>{0, 0, -2000});
  EXPECT_EQ(draw(candidates, 0.0), 0U);
  EXPECT_EQ(draw(candidates, std::nextafter(1.0, 0.0)), 1U);  // not one without any weight
}

TEST(Candidates, ArgmaxTakesTheLowestIdOfEquals) {
  std::mt19937 random(17);
  for (int i = 0; i < kRows; ++i) {
    const auto row = random_row(random);
    const auto best = std::max_element(row.begin(), row.end()) - row.begin();
    ASSERT_EQ(argmax(row), static_cast<TokenId>(best));
  }
}

TEST(Candidates, FindsTheFirstNumberThatIsNotFinite) {
  std::vector<float> row(1000, 1.0F);
  EXPECT_EQ(first_not_finite(row), 1000U);
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(), kBan, -kBan};
  for (const float value : bad) {
    for (const size_t at : {0U, 255U, 256U, 999U}) {
      auto damaged = row;
      damaged[at] = value;
      damaged[999] = value;
      EXPECT_EQ(first_not_finite(damaged), at);
    }
  }
}

// Figures, not limits: machines differ.
TEST(Candidates, PrintsWhatStagesCostOnALargeVocabulary) {
  std::mt19937 random(1);
  std::vector<float> row(49152);
  for (float& logit : row) logit = static_cast<float>(random() % 100'000) / 5000.0F;
  Candidates candidates;
  const auto time = [&](const char* name, auto body) {
    constexpr int kTimes = 50;
    const int64_t start = Clock::system().now_ns();
    for (int i = 0; i < kTimes; ++i) body();
    const double us = elapsed_ms(start, Clock::system().now_ns()) * 1000 / kTimes;
    std::printf("%-28s %8.1f us on %zu logits\n", name, us, row.size());
  };
  TokenId sink = 0;
  time("finite check + argmax",
       [&] { sink += static_cast<TokenId>(first_not_finite(row)) + argmax(row); });
  time("top-k 40", [&] { candidates.assign_best(row, 40); });
  time("top-p 0.95, no top-k", [&] {
    candidates.assign(row);
    top_p(candidates, 0.95);
  });
  time("draw from everything", [&] {
    candidates.assign(row);
    sink += draw(candidates, 0.5);
  });
  EXPECT_NE(sink, kNoToken);
}

}  // namespace
}  // namespace etb::runner
