// Penalties on tokens that were there before, over a window of the last ones. Only tokens in the
// window are touched, so the cost does not grow with the vocabulary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>

#include "base/status.h"
#include "base/token_id.h"
#include "runner/sampler_options.h"

namespace etb::runner {

// How often each token stands among the last `window` accepted ones.
class PenaltyHistory {
 public:
  // -1: all tokens ever accepted; 0: none are kept.
  explicit PenaltyHistory(int window) : window_(window) {}
  void accept(TokenId id);
  const std::unordered_map<TokenId, uint32_t>& counts() const { return counts_; }

 private:
  int window_;
  std::deque<TokenId> last_;  // empty if the window is unlimited: nothing ever leaves
  std::unordered_map<TokenId, uint32_t> counts_;
};

struct Penalties {
  float repeat = 1.0F;     // a positive logit is divided by it, another one multiplied
  float presence = 0.0F;   // taken off once
  float frequency = 0.0F;  // taken off for each time

  bool any() const { return repeat != 1.0F || presence != 0.0F || frequency != 0.0F; }
};

// InvalidArgument names the option that is out of its range.
Status check_penalties(const SamplerOptions& options);

// Changes the logits of the tokens in `history`; each token's new logit depends on its own old one
// and count alone. Ids beyond the logits are skipped.
void apply_penalties(const Penalties& penalties, const PenaltyHistory& history,
                     std::span<float> logits);

}  // namespace etb::runner
