// Locally typical sampling: those whose surprise is nearest to the entropy. Meister et al. 2022,
// arXiv 2202.00666.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "runner/exact_math.h"
#include "runner/samplers/option_range.h"
#include "runner/samplers/stages.h"

namespace etb::runner {
namespace {

Status check(const SamplerOptions& o) {
  if (o.typical > 0 && o.typical <= 1) return {};  // NaN fails
  return out_of_range("typical", o.typical, "above 0, at most 1");
}

void run(Candidates& candidates, const SamplerOptions& o) {
  if (o.typical < 1) typical(candidates, static_cast<double>(o.typical));
}

}  // namespace

const Stage kTypicalStage{SamplerStage::Typical, "typical", check, run};

void typical(Candidates& candidates, double p) {
  candidates.sort(candidates.size());
  std::vector<double> weights;
  const double sum = softmax_weights(candidates, weights);
  const double log_sum = exact_log(sum);
  const double best = static_cast<double>(candidates.best_logit());
  const auto surprise = [&](size_t i) {
    return log_sum - (static_cast<double>(candidates.items()[i].logit) - best);
  };
  double entropy = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) entropy += weights[i] / sum * surprise(i);
  }
  std::vector<double> distance(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) distance[i] = std::abs(surprise(i) - entropy);
  std::vector<uint32_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return distance[a] < distance[b] || (distance[a] == distance[b] && a < b);
  });
  std::vector<uint8_t> wanted(weights.size(), 0);
  double reached = 0;
  for (const uint32_t i : order) {
    wanted[i] = 1;
    reached += weights[i];
    if (reached >= p * sum) break;
  }
  candidates.keep_flagged(wanted);
}

}  // namespace etb::runner
