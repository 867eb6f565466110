#include "runner/logprobs.h"

#include <algorithm>

#include "base/text.h"
#include "runner/candidates.h"
#include "runner/exact_math.h"

namespace etb::runner {

Result<double> log_sum_exp(std::span<const float> logits) {
  if (logits.empty()) return Status(StatusCode::InvalidArgument, "no logits to sum");
  if (const size_t bad = first_not_finite(logits); bad < logits.size()) {
    return Status(StatusCode::Internal,
                  concat("the model's logit for token ", bad, " is not a finite number"));
  }
  const double best = static_cast<double>(logits[argmax(logits)]);
  double sum = 0;
  for (const float logit : logits) sum += exact_exp(static_cast<double>(logit) - best);
  return best + exact_log(sum);
}

std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, double normalizer,
                                       size_t count) {
  Candidates candidates;
  candidates.assign_best(logits, std::min(count, logits.size()));
  std::vector<TokenLogprob> top;
  top.reserve(candidates.size());
  for (const Candidate& c : candidates.items()) {
    top.push_back({c.id, logprob_of(logits, normalizer, c.id)});
  }
  return top;
}

}  // namespace etb::runner
