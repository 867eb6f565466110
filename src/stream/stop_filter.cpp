#include "stream/stop_filter.h"

#include <algorithm>

namespace etb::stream {

StopFilter::StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

bool StopFilter::push(std::string_view text, std::string& out) {
  if (stopped_) return true;
  if (stops_.empty()) {
    out += text;
    return false;
  }
  held_ += text;
  size_t best_end = std::string::npos;
  const std::string* best = nullptr;
  for (const std::string& stop : stops_) {
    const size_t at = held_.find(stop);
    if (at == std::string::npos) continue;
    const size_t end = at + stop.size();
    const bool better = !best || end < best_end || (end == best_end && stop.size() > best->size());
    if (better) {
      best_end = end;
      best = &stop;
    }
  }
  if (best) {
    out.append(held_, 0, best_end - best->size());
    held_.clear();
    matched_ = *best;
    stopped_ = true;
    return true;
  }
  const size_t keep = longest_possible_prefix();
  out.append(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return false;
}

void StopFilter::finish(std::string& out) {
  if (!stopped_) out += held_;
  held_.clear();
}

// The longest suffix of held_ that is a proper prefix of a stop string.
size_t StopFilter::longest_possible_prefix() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return longest;
}

}  // namespace etb::stream
