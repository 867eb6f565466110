#include "runner/samplers/logit_bias.h"

#include <cmath>
#include <limits>

#include "base/text.h"

namespace etb::runner {

Status check_logit_bias(const SamplerOptions& options, size_t vocab_size) {
  for (const auto& [id, bias] : options.logit_bias) {
    if (id >= vocab_size) {
      return {StatusCode::InvalidArgument,
              concat("logit bias for token ", id, ": the vocabulary has ", vocab_size, " tokens")};
    }
    const bool ban = bias == -std::numeric_limits<float>::infinity();
    if (!ban && !(std::abs(bias) <= 1e6F)) {
      return {StatusCode::InvalidArgument,
              concat("logit bias for token ", id, " is ", bias,
                     ", must be -infinity (never) or from -1000000 to 1000000")};
    }
  }
  return {};
}

void apply_logit_bias(const SamplerOptions& options, std::span<float> logits) {
  for (const auto& [id, bias] : options.logit_bias) logits[id] += bias;
}

}  // namespace etb::runner
