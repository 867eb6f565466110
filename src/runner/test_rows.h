// For the tests of candidates and stages: random rows, and their order and probabilities by plain
// definition.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "runner/candidates.h"

namespace etb::runner::test {

inline constexpr float kBan = -std::numeric_limits<float>::infinity();
inline constexpr int kRows = 2000;

struct Entry {
  TokenId id;
  float logit;
  double p;
};

// Random rows of random length, with many equal logits and a few bans.
inline std::vector<float> random_row(std::mt19937& random) {
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
inline std::vector<Entry> plain_order(std::span<const float> row) {
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

inline std::set<TokenId> ids_of(const Candidates& candidates) {
  std::set<TokenId> ids;
  for (const Candidate& c : candidates.items()) ids.insert(c.id);
  return ids;
}

inline std::set<TokenId> ids_of(std::span<const Entry> entries) {
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

}  // namespace etb::runner::test
