// Top-p, or nucleus: the shortest head of the order whose probabilities reach p.
// Holtzman et al. 2019, arXiv 1904.09751.
#include <cstdint>
#include <vector>

#include "runner/exact_math.h"
#include "runner/samplers/option_range.h"
#include "runner/samplers/stages.h"

namespace etb::runner {
namespace {

Status check(const SamplerOptions& o) {
  if (o.top_p > 0 && o.top_p <= 1) return {};  // NaN fails
  return out_of_range("top-p", o.top_p, "above 0, at most 1");
}

void run(Candidates& candidates, const SamplerOptions& o) {
  if (o.top_p < 1) top_p(candidates, static_cast<double>(o.top_p));
}

}  // namespace

const Stage kTopPStage{SamplerStage::TopP, "top-p", check, run};

void top_p(Candidates& candidates, double p) {
  std::vector<double> weights;
  const double sum = softmax_weights(candidates, weights);
  // All candidates below this weight together make up less than 1 - p: the head needs none of them.
  const double negligible = (1 - p) * sum / static_cast<double>(weights.size());
  std::vector<uint8_t> wanted(weights.size());
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = weights[i] >= negligible ? 1 : 0;
  candidates.keep_flagged(wanted);
  candidates.sort(candidates.size());
  const double best = static_cast<double>(candidates.best_logit());
  double reached = 0;
  size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || reached < p * sum)) {
    reached += exact_exp(static_cast<double>(candidates.items()[kept++].logit) - best);
  }
  candidates.keep(kept);
}

}  // namespace etb::runner
