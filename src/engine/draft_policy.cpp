#include "engine/draft_policy.h"

#include <algorithm>
#include <cmath>

namespace etb {
namespace {

constexpr double kNewest = 0.2;        // weight of the newest time among those of its length
constexpr double kGuessedSlope = 0.3;  // cost of a further token while only plain passes are known
constexpr double kOutlier = 3;         // one time counts as at most so many times the usual one

constexpr double kKept = 0.93;       // of the counts of a class, at each of its drafts
constexpr double kIdleKept = 0.996;  // of all counts, at each pass
constexpr double kMostCredit = 4;    // what a stretch of good luck may lay by

// What is believed of a class before it was tried, with the weight of one token: longer runs are
// seldom there by chance. Hopeful, so that it is tried.
double guessed_acceptance(size_t match) {
  return std::min(0.25 + 0.1 * static_cast<double>(match), 0.75);
}

}  // namespace

void PassCosts::add(size_t tokens, double ms) {
  if (tokens == 0 || tokens > kMostTokens || !(ms > 0) || !std::isfinite(ms)) return;
  double& usual = ms_[tokens];
  if (usual == 0) {
    usual = ms;
  } else {
    usual += kNewest * (std::min(ms, usual * kOutlier) - usual);
  }
}

double PassCosts::of(size_t draft) const {
  const size_t tokens = draft + 1;
  const double plain = ms_[1] > 0 ? ms_[1] : 1;
  // The cost of the longest pass measured that is no longer than this one, and what each token
  // beyond it adds: up to the next one measured, else as much as so far.
  size_t below = 1;
  double cost = 1;
  double slope = kGuessedSlope;
  for (size_t n = 2; ms_[1] > 0 && n <= kMostTokens; ++n) {
    if (ms_[n] == 0) continue;
    const double measured = std::max(ms_[n] / plain, cost);
    slope = n <= tokens ? (measured - 1) / static_cast<double>(n - 1)
                        : (measured - cost) / static_cast<double>(n - below);
    if (n > tokens) break;
    below = n;
    cost = measured;
  }
  return cost + slope * static_cast<double>(tokens - below);
}

DraftPolicy::DraftPolicy(const DraftPolicyOptions& options) : options_(options) {
  options_.longest_draft = std::min(options.longest_draft, PassCosts::kMostTokens - 1);
}

double DraftPolicy::acceptance(size_t match) const {
  const Counts& counts = counts_[std::min(match, kClasses - 1)];
  return (counts.right + guessed_acceptance(match)) / (counts.tried + 1);
}

size_t DraftPolicy::length(size_t available, size_t match, const PassCosts& costs) const {
  const double right = acceptance(match);
  const size_t most = std::min(available, options_.longest_draft);
  double best = 1 + std::max(options_.margin, 0.0);
  size_t length = 0;
  double all_right = 1;  // probability that the first k are
  double tokens = 1;     // expected of a pass
  for (size_t k = 1; k <= most; ++k) {
    all_right *= right;
    tokens += all_right;
    const double cost = costs.of(k);
    if (cost - 1 > credit_) break;
    if (tokens > best * cost) {
      best = tokens / cost;
      length = k;
    }
  }
  return length;
}

void DraftPolicy::report(const DraftPass& pass) {
  const size_t accepted = std::min(pass.accepted, pass.drafted);
  const double tokens = 1 + static_cast<double>(accepted);
  const double cost = pass.drafted > 0 ? pass.cost : 1;
  credit_ = std::clamp(credit_ + tokens * (1 + kLossShare) - cost, 0.0, kMostCredit);
  for (Counts& counts : counts_) {
    counts.right *= kIdleKept;
    counts.tried *= kIdleKept;
  }
  if (pass.drafted == 0) return;
  Counts& counts = counts_[std::min(pass.match, kClasses - 1)];
  counts.right = counts.right * kKept + static_cast<double>(accepted);
  // The token after the last right one was tried too, unless the draft was over.
  const size_t tried = std::min(accepted + 1, pass.drafted);
  counts.tried = counts.tried * kKept + static_cast<double>(tried);
  stats_.drafted += pass.drafted;
  stats_.accepted += accepted;
  ++stats_.passes;
}

}  // namespace etb
