// How the next token is chosen. Plain data; what each stage does and in which order: sampler.h.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/token_id.h"

namespace etb::runner {

// Steps between the (biased, penalised) logits and the draw. Append-only: the numbers cross the C
// ABI.
enum class SamplerStage : int { TopK = 0, Typical = 1, TopP = 2, MinP = 3, Temperature = 4 };

// Against repeated sequences: samplers/dry.h.
struct DryOptions {
  float multiplier = 0.0F;  // 0: off
  float base = 1.75F;
  uint32_t allowed_length = 2;  // repeats shorter than this are free
  int window = -1;              // last tokens looked at; -1: all
};

struct SamplerOptions {
  float temperature = 0.0F;        // 0: greedy, the largest logit after bias and penalties
  uint32_t top_k = 0;              // 0: off
  float top_p = 1.0F;              // 1: off
  float min_p = 0.0F;              // 0: off
  float typical = 1.0F;            // 1: off
  float repeat_penalty = 1.0F;     // 1: off
  float presence_penalty = 0.0F;   // 0: off
  float frequency_penalty = 0.0F;  // 0: off
  int penalty_window = 64;         // last tokens that penalties look at; -1: all, 0: none
  DryOptions dry{};
  std::vector<TokenId> dry_breakers{};                  // tokens that no repeat reaches over
  std::vector<std::pair<TokenId, float>> logit_bias{};  // added to the logits first; -inf bans
  uint64_t seed = 0;  // same seed, options, history and logits: same token, on every machine
  std::vector<SamplerStage> stages = {SamplerStage::TopK, SamplerStage::Typical, SamplerStage::TopP,
                                      SamplerStage::MinP, SamplerStage::Temperature};
};

}  // namespace etb::runner
