// Logit bias: numbers added to the logits of single tokens before anything else; -infinity bans a
// token, whatever the other samplers do.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.h"
#include "runner/sampler_options.h"

namespace etb::runner {

// InvalidArgument names a token beyond the vocabulary, or a bias that is no number or too large.
Status check_logit_bias(const SamplerOptions& options, size_t vocab_size);

// Precondition: check_logit_bias(options, logits.size()) is ok.
void apply_logit_bias(const SamplerOptions& options, std::span<float> logits);

}  // namespace etb::runner
