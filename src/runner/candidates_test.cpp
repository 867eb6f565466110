// Each stage against its plain definition on thousands of random rows: sort everything, add up,
// cut.
#include "runner/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <set>

#include "base/clock.h"

namespace etb::runner {
namespace {

constexpr float kBan = -std::numeric_limits<float>::infinity();
constexpr int kRows = 2000;

struct Entry {
  TokenId id;
  float logit;
  double p;
};

// Random rows of random length, with many equal logits and a few bans.
std::vector<float> random_row(std::mt19937& random) {
  std::vector<float> row(1 + random() % 300);
  const bool coarse = random() % 2 == 0;
  for (float& logit : row) {
    const double u = static_cast<double>(random() % 100'000) / 100'000;
    logit = static_cast<float>(u * 16 - 8);
    if (coarse) logit = std::round(logit);
    if (random() % 50 == 0) logit = kBan;
  }
  if (std::all_of(row.begin(), row.end(), [](float l) { return l == kBan; })) row[0] = 0;
  return row;
}

// All that are not banned, best first, with their probabilities.
std::vector<Entry> plain_order(std::span<const float> row) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] != kBan) entries.push_back({static_cast<TokenId>(i), row[i], 0});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.logit > b.logit; });
  long double sum = 0;
  for (const Entry& e : entries) sum += std::exp(static_cast<long double>(e.logit));
  for (Entry& e : entries) {
    e.p = static_cast<double>(std::exp(static_cast<long double>(e.logit)) / sum);
  }
  return entries;
}

std::set<TokenId> ids_of(const Candidates& candidates) {
  std::set<TokenId> ids;
  for (const Candidate& c : candidates.items()) ids.insert(c.id);
  return ids;
}

std::set<TokenId> ids_of(std::span<const Entry> entries) {
  std::set<TokenId> ids;
  for (const Entry& e : entries) ids.insert(e.id);
  return ids;
}

// Calls `check(row, plain order, candidates)` for many rows; candidates start unsorted, or sorted
// to a random length.
template <class Check>
void for_rows(Check check) {
  std::mt19937 random(11);
  Candidates candidates;
  for (int i = 0; i < kRows; ++i) {
    const auto row = random_row(random);
    candidates.assign(row);
    if (random() % 2 == 0) candidates.sort(random() % (row.size() + 1));
    check(plain_order(row), candidates, random);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

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

TEST(Candidates, TopKKeepsTheKBest) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    const size_t k = random() % (plain.size() + 3);
    top_k(candidates, k);
    const size_t kept = k == 0 ? plain.size() : std::min(k, plain.size());
    ASSERT_EQ(ids_of(candidates), ids_of(std::span(plain).first(kept)));
  });
}

TEST(Candidates, TopPKeepsTheShortestHeadThatReachesP) {
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

TEST(Candidates, MinPKeepsThoseNearTheBest) {
  for_rows([](const std::vector<Entry>& plain, Candidates& candidates, std::mt19937& random) {
    const double limit = 0.0005 + 0.999 * static_cast<double>(random() % 1000) / 1000;
    size_t kept = 0;
    while (kept < plain.size() && plain[kept].p >= limit * plain[0].p) ++kept;
    min_p(candidates, limit);
    ASSERT_EQ(ids_of(candidates), ids_of(std::span(plain).first(kept))) << limit;
  });
}

TEST(Candidates, MinPOfOneKeepsTheBestAndItsEquals) {
  Candidates candidates;
  candidates.assign(std::vector<float>{1, 3, 2, 3});
  min_p(candidates, 1);
  EXPECT_EQ(ids_of(candidates), (std::set<TokenId>{1, 3}));
}

TEST(Candidates, TypicalKeepsThoseOfTypicalSurprise) {
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

TEST(Candidates, TemperatureScalesDistancesFromTheBest) {
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

TEST(Candidates, ATinyTemperatureLeavesOnlyTheBest) {
  Candidates candidates;
  candidates.assign(std::vector<float>{3e38F, -3e38F, 2e38F});
  temperature(candidates, 1e-30F);
  for (const double point : {0.0, 0.5, 0.999}) EXPECT_EQ(draw(candidates, point), 0U);
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
