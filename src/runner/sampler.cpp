#include "runner/sampler.h"

#include <cmath>
#include <limits>

#include "base/text.h"

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

Status out_of_range(std::string_view option, double value, std::string_view range) {
  return {StatusCode::InvalidArgument,
          concat("sampler option ", option, " is ", value, ", must be ", range)};
}

Status check_ranges(const SamplerOptions& o) {
  // Written so that NaN fails every test.
  if (!(o.temperature >= 0 && o.temperature <= 1000)) {
    return out_of_range("temperature", o.temperature, "from 0 (greedy) to 1000");
  }
  if (!(o.top_p > 0 && o.top_p <= 1)) return out_of_range("top-p", o.top_p, "above 0, at most 1");
  if (!(o.min_p >= 0 && o.min_p <= 1)) return out_of_range("min-p", o.min_p, "from 0 to 1");
  if (!(o.typical > 0 && o.typical <= 1)) {
    return out_of_range("typical", o.typical, "above 0, at most 1");
  }
  if (!(o.repeat_penalty > 0 && o.repeat_penalty <= 1000)) {
    return out_of_range("repeat-penalty", o.repeat_penalty, "above 0 (1 is off), at most 1000");
  }
  if (!(std::abs(o.presence_penalty) <= 1000)) {
    return out_of_range("presence-penalty", o.presence_penalty, "from -1000 to 1000");
  }
  if (!(std::abs(o.frequency_penalty) <= 1000)) {
    return out_of_range("frequency-penalty", o.frequency_penalty, "from -1000 to 1000");
  }
  if (o.penalty_window < -1) {
    return out_of_range("penalty-window", o.penalty_window, "-1 (all tokens), 0 (none) or more");
  }
  return {};
}

Status check_dry(const DryOptions& o) {
  if (!(o.multiplier >= 0 && o.multiplier <= 1000)) {
    return out_of_range("dry", o.multiplier, "from 0 (off) to 1000");
  }
  if (!(o.base >= 1 && o.base <= 1000)) return out_of_range("dry-base", o.base, "from 1 to 1000");
  if (o.window < -1) return out_of_range("dry-window", o.window, "-1 (all tokens) or more");
  return {};
}

Status check_bias(const SamplerOptions& options, size_t vocab_size) {
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

Status check_stages(const SamplerOptions& options) {
  unsigned seen = 0;
  for (const SamplerStage stage : options.stages) {
    const auto number = static_cast<unsigned>(stage);
    if (number > static_cast<unsigned>(SamplerStage::Temperature) || (seen >> number & 1U) != 0) {
      return {StatusCode::InvalidArgument,
              concat("sampler stage number ", number, " is unknown or listed twice")};
    }
    seen |= 1U << number;
  }
  return {};
}

void run_stage(SamplerStage stage, const SamplerOptions& o, Candidates& candidates) {
  switch (stage) {
    case SamplerStage::TopK:
      top_k(candidates, o.top_k);
      break;
    case SamplerStage::Typical:
      if (o.typical < 1) typical(candidates, static_cast<double>(o.typical));
      break;
    case SamplerStage::TopP:
      if (o.top_p < 1) top_p(candidates, static_cast<double>(o.top_p));
      break;
    case SamplerStage::MinP:
      if (o.min_p > 0) min_p(candidates, static_cast<double>(o.min_p));
      break;
    case SamplerStage::Temperature:
      if (o.temperature != 1) temperature(candidates, o.temperature);
      break;
  }
}

}  // namespace

Result<Sampler> Sampler::create(const SamplerOptions& options, size_t vocab_size) {
  if (vocab_size == 0 || vocab_size >= kNoToken) {
    return Status(StatusCode::InvalidArgument,
                  concat("a vocabulary of ", vocab_size, " tokens cannot be sampled from"));
  }
  ETB_RETURN_IF_ERROR(check_ranges(options));
  ETB_RETURN_IF_ERROR(check_dry(options.dry));
  ETB_RETURN_IF_ERROR(check_bias(options, vocab_size));
  ETB_RETURN_IF_ERROR(check_stages(options));
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
  for (const auto& [id, bias] : options_.logit_bias) adjusted_[id] += bias;
  apply_penalties({options_.repeat_penalty, options_.presence_penalty, options_.frequency_penalty},
                  history_, adjusted_);
  dry_.apply(adjusted_);
  return choose(adjusted_);
}

Result<TokenId> Sampler::choose(std::span<const float> logits) {
  const uint64_t draw_number = draws_++;
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
  for (const SamplerStage stage : options_.stages) run_stage(stage, options_, candidates_);
  return draw(candidates_, uniform(options_.seed, draw_number));
}

}  // namespace etb::runner
