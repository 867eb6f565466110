// Log-probabilities under the model itself: of the logits as they came, before any sampling stage.
// Sums run in id order with our own exp and log, in double: the same on every machine.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"

namespace etb::runner {

struct TokenLogprob {
  TokenId id = 0;
  float logprob = 0;
};

// log(sum of exp(logits)). Internal if a logit is not finite; InvalidArgument if there are none.
Result<double> log_sum_exp(std::span<const float> logits);

// `normalizer` is log_sum_exp(logits). Precondition: id < logits.size().
inline float logprob_of(std::span<const float> logits, double normalizer, TokenId id) {
  return static_cast<float>(static_cast<double>(logits[id]) - normalizer);
}

// The `count` most probable tokens, best first, ties by id; fewer if the vocabulary is smaller.
std::vector<TokenLogprob> top_logprobs(std::span<const float> logits, double normalizer,
                                       size_t count);

}  // namespace etb::runner
