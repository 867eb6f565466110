// Min-p: those at least min_p times as probable as the best. Nguyen et al. 2024, arXiv 2407.01082.
#include <cstdint>
#include <vector>

#include "runner/exact_math.h"
#include "runner/samplers/option_range.h"
#include "runner/samplers/stages.h"

namespace etb::runner {
namespace {

Status check(const SamplerOptions& o) {
  if (o.min_p >= 0 && o.min_p <= 1) return {};  // NaN fails
  return out_of_range("min-p", o.min_p, "from 0 to 1");
}

void run(Candidates& candidates, const SamplerOptions& o) {
  if (o.min_p > 0) min_p(candidates, static_cast<double>(o.min_p));
}

}  // namespace

const Stage kMinPStage{SamplerStage::MinP, "min-p", check, run};

void min_p(Candidates& candidates, double min_p) {
  const double best = static_cast<double>(candidates.best_logit());
  std::vector<uint8_t> wanted(candidates.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double weight = exact_exp(static_cast<double>(candidates.items()[i].logit) - best);
    wanted[i] = weight >= min_p ? 1 : 0;
  }
  candidates.keep_flagged(wanted);
}

}  // namespace etb::runner
