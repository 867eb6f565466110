// Top-k: the k best.
#include "runner/samplers/stages.h"

namespace etb::runner {
namespace {

Status check(const SamplerOptions&) {
  return {};
}

void run(Candidates& candidates, const SamplerOptions& o) {
  top_k(candidates, o.top_k);
}

}  // namespace

const Stage kTopKStage{SamplerStage::TopK, "top-k", check, run};

void top_k(Candidates& candidates, size_t k) {
  if (k == 0 || k >= candidates.size()) return;
  candidates.sort(k);
  candidates.keep(k);
}

}  // namespace etb::runner
