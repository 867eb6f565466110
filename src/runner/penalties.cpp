#include "runner/penalties.h"

#include <algorithm>
#include <limits>

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
