#include "runner/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "runner/samplers/logit_bias.h"
#include "runner/samplers/stages.h"

namespace etb::runner {
namespace {

// SplitMix64 as a counter-based generator: draw n of a seed is a function of (seed, n) alone.
double uniform(uint64_t seed, uint64_t draw) {
  uint64_t z = seed + (draw + 1) * 0x9E37'79B9'7F4A'7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EBULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

Status check_stages(const SamplerOptions& options) {
  for (const Stage* stage : all_stages()) ETB_RETURN_IF_ERROR(stage->check(options));
  for (auto stage = options.stages.begin(); stage != options.stages.end(); ++stage) {
    if (find_stage(*stage) && std::find(options.stages.begin(), stage, *stage) == stage) continue;
    return {StatusCode::InvalidArgument, concat("sampler stage number ", static_cast<int>(*stage),
                                                " is unknown or listed twice")};
  }
  return {};
}

}  // namespace

Result<Sampler> Sampler::create(const SamplerOptions& options, size_t vocab_size) {
  if (vocab_size == 0 || vocab_size >= kNoToken) {
    return Status(StatusCode::InvalidArgument,
                  concat("a vocabulary of ", vocab_size, " tokens cannot be sampled from"));
  }
  ETB_RETURN_IF_ERROR(check_stages(options));
  ETB_RETURN_IF_ERROR(check_penalties(options));
  ETB_RETURN_IF_ERROR(check_dry(options.dry));
  ETB_RETURN_IF_ERROR(check_logit_bias(options, vocab_size));
  return Sampler(options, vocab_size);
}

Sampler::Sampler(const SamplerOptions& options, size_t vocab_size)
    : options_(options),
      vocab_size_(vocab_size),
      history_(options.penalty_window),
      dry_(options.dry, options.dry_breakers) {}

void Sampler::accept(TokenId id) {
  if (id >= vocab_size_) return;
  history_.accept(id);
  dry_.accept(id);
}

void Sampler::accept(std::span<const TokenId> ids) {
  for (const TokenId id : ids) accept(id);
}

bool Sampler::changes_logits() const {
  const Penalties penalties{options_.repeat_penalty, options_.presence_penalty,
                            options_.frequency_penalty};
  return !options_.logit_bias.empty() || options_.dry.multiplier > 0 ||
         (penalties.any() && !history_.counts().empty());
}

Result<TokenId> Sampler::sample(std::span<const float> logits) {
  if (logits.size() != vocab_size_) {
    return Status(StatusCode::InvalidArgument,
                  concat("sampler for ", vocab_size_, " tokens got ", logits.size(), " logits"));
  }
  if (const size_t bad = first_not_finite(logits); bad < logits.size()) {
    return Status(StatusCode::Internal,
                  concat("the model's logit for token ", bad,
                         " is not a finite number: the model file is damaged (etbridge inspect "
                         "--verify) or a kernel is wrong"));
  }
  if (!changes_logits()) return choose(logits);
  adjusted_.assign(logits.begin(), logits.end());
  apply_logit_bias(options_, adjusted_);
  apply_penalties({options_.repeat_penalty, options_.presence_penalty, options_.frequency_penalty},
                  history_, adjusted_);
  dry_.apply(adjusted_);
  return choose(adjusted_);
}

Result<TokenId> Sampler::choose(std::span<const float> logits) {
  const uint64_t draw_number = draws_++;
  candidates_.assign({});
  if (options_.temperature == 0) {
    const TokenId id = argmax(logits);
    if (std::isfinite(logits[id])) return id;
    return Status(StatusCode::InvalidArgument, "logit bias bans every token of the vocabulary");
  }
  const bool top_k_first =
      !options_.stages.empty() && options_.stages.front() == SamplerStage::TopK;
  if (top_k_first && options_.top_k > 0) {
    candidates_.assign_best(logits, options_.top_k);
  } else {
    candidates_.assign(logits);
  }
  if (candidates_.size() == 0) {
    return Status(StatusCode::InvalidArgument, "logit bias bans every token of the vocabulary");
  }
  for (const SamplerStage stage : options_.stages) find_stage(stage)->run(candidates_, options_);
  return draw(candidates_, uniform(options_.seed, draw_number));
}

}  // namespace etb::runner
