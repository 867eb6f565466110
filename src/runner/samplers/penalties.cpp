#include "runner/samplers/penalties.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runner/samplers/option_range.h"

namespace etb::runner {

void PenaltyHistory::accept(TokenId id) {
  if (window_ == 0) return;
  ++counts_[id];
  if (window_ < 0) return;
  last_.push_back(id);
  if (last_.size() <= static_cast<size_t>(window_)) return;
  const auto oldest = counts_.find(last_.front());
  if (--oldest->second == 0) counts_.erase(oldest);
  last_.pop_front();
}

Status check_penalties(const SamplerOptions& o) {
  // Written so that NaN fails every test.
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

void apply_penalties(const Penalties& penalties, const PenaltyHistory& history,
                     std::span<float> logits) {
  for (const auto& [id, count] : history.counts()) {
    if (id >= logits.size()) continue;
    float& logit = logits[id];
    logit = logit > 0 ? logit / penalties.repeat : logit * penalties.repeat;
    logit -= penalties.presence;
    logit -= static_cast<float>(count) * penalties.frequency;
    logit = std::min(logit, std::numeric_limits<float>::max());  // downwards, -inf is a ban
  }
}

}  // namespace etb::runner
