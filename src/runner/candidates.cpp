#include "runner/candidates.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "runner/exact_math.h"

namespace etb::runner {
namespace {

// Strict total order: ids are unique, so every sort has one outcome.
bool better(const Candidate& a, const Candidate& b) {
  return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

bool banned(float logit) {
  return logit == -std::numeric_limits<float>::infinity();
}

constexpr size_t kLanes = 16;

// Plain loops over fixed lanes, which compilers turn into vector code on every machine.
float max_of(std::span<const float> values) {
  float lanes[kLanes];
  std::fill_n(lanes, kLanes, -std::numeric_limits<float>::infinity());
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      lanes[j] = values[i + j] > lanes[j] ? values[i + j] : lanes[j];
    }
  }
  float best = *std::max_element(lanes, lanes + kLanes);
  for (; i < values.size(); ++i) best = std::max(best, values[i]);
  return best;
}

// The `count` best of `items` by a bounded heap whose root is the worst kept one. Blocks that hold
// nothing above the root are skipped by their maximum alone.
std::vector<Candidate> best_by_heap(std::span<const float> logits, size_t count) {
  constexpr size_t kSkip = 64;
  std::vector<Candidate> heap;
  heap.reserve(count);
  size_t i = 0;
  for (; i < logits.size() && heap.size() < count; ++i) {
    if (banned(logits[i])) continue;
    heap.push_back({static_cast<TokenId>(i), logits[i]});
    std::push_heap(heap.begin(), heap.end(), better);
  }
  while (i < logits.size()) {
    const size_t end = std::min(logits.size(), i + kSkip);
    // An equal logit with a higher id never displaces the root, so > is enough.
    if (max_of(logits.subspan(i, end - i)) > heap.front().logit) {
      for (; i < end; ++i) {
        if (!(logits[i] > heap.front().logit)) continue;
        std::pop_heap(heap.begin(), heap.end(), better);
        heap.back() = {static_cast<TokenId>(i), logits[i]};
        std::push_heap(heap.begin(), heap.end(), better);
      }
    }
    i = end;
  }
  std::sort_heap(heap.begin(), heap.end(), better);
  return heap;
}

}  // namespace

void Candidates::assign(std::span<const float> logits) {
  items_.clear();
  items_.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!banned(logits[i])) items_.push_back({static_cast<TokenId>(i), logits[i]});
  }
  sorted_ = 0;
}

void Candidates::assign_best(std::span<const float> logits, size_t count) {
  constexpr size_t kHeapLimit =
      1024;  // beyond it a heap loses to sorting what is above a threshold
  if (count <= kHeapLimit && count > 0) {
    items_ = best_by_heap(logits, count);
    sorted_ = items_.size();
    return;
  }
  assign(logits);
  sort(count);
  keep(std::min(count, items_.size()));
}

void Candidates::sort(size_t count) {
  count = std::min(count, items_.size());
  if (count <= sorted_) return;
  const auto rest = items_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  if (count == items_.size()) {
    std::sort(rest, items_.end(), better);
    sorted_ = count;
    return;
  }
  // The logit of the last one wanted; how many of those equal to it belong to the head.
  const size_t wanted = count - sorted_;
  scratch_.clear();
  for (auto it = rest; it != items_.end(); ++it) scratch_.push_back(it->logit);
  const auto nth = scratch_.begin() + static_cast<std::ptrdiff_t>(wanted - 1);
  std::nth_element(scratch_.begin(), nth, scratch_.end(), std::greater<>());
  const float threshold = *nth;
  const auto above = static_cast<size_t>(
      std::count_if(rest, items_.end(), [&](const Candidate& c) { return c.logit > threshold; }));
  size_t equals = wanted - above;
  const auto head_end = std::stable_partition(rest, items_.end(), [&](const Candidate& c) {
    if (c.logit > threshold) return true;
    if (c.logit < threshold || equals == 0) return false;
    --equals;  // the rest stands by id: the lowest ids among equals come first
    return true;
  });
  std::sort(rest, head_end, better);
  sorted_ = count;
}

void Candidates::keep(size_t count) {
  items_.resize(count);
  sorted_ = count;
}

void Candidates::keep_flagged(std::span<const uint8_t> wanted) {
  size_t out = 0;
  size_t sorted = 0;
  for (size_t i = 0; i < items_.size(); ++i) {
    if (wanted[i] == 0) continue;
    if (i < sorted_) ++sorted;
    items_[out++] = items_[i];
  }
  items_.resize(out);
  sorted_ = sorted;
}

void Candidates::spread(float divisor) {
  const float best = best_logit();
  for (Candidate& c : items_) c.logit = (c.logit - best) / divisor;
}

float Candidates::best_logit() const {
  if (sorted_ > 0) return items_.front().logit;
  float best = items_.front().logit;
  for (const Candidate& c : items_) best = std::max(best, c.logit);
  return best;
}

double softmax_weights(const Candidates& candidates, std::vector<double>& weights) {
  const double best = static_cast<double>(candidates.best_logit());
  weights.resize(candidates.size());
  double sum = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    weights[i] = exact_exp(static_cast<double>(candidates.items()[i].logit) - best);
    sum += weights[i];
  }
  return sum;
}

TokenId draw(const Candidates& candidates, double point) {
  std::vector<double> weights;
  const double target = point * softmax_weights(candidates, weights);
  double reached = 0;
  size_t last = 0;  // the last with any weight: what rounding may leave over
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    last = i;
    reached += weights[i];
    if (reached > target) break;
  }
  return candidates.items()[last].id;
}

TokenId argmax(std::span<const float> logits) {
  const float best = max_of(logits);
  const auto at = std::find(logits.begin(), logits.end(), best);
  return static_cast<TokenId>(at - logits.begin());
}

size_t first_not_finite(std::span<const float> logits) {
  constexpr size_t kStep = 256;
  constexpr uint32_t kExponent = 0x7F80'0000;
  for (size_t i = 0; i < logits.size(); i += kStep) {
    const size_t end = std::min(logits.size(), i + kStep);
    uint32_t bad = 0;
    for (size_t j = i; j < end; ++j) {
      bad |= (std::bit_cast<uint32_t>(logits[j]) & kExponent) == kExponent ? 1U : 0U;
    }
    if (bad == 0) continue;
    for (size_t j = i; j < end; ++j) {
      if (!std::isfinite(logits[j])) return j;
    }
  }
  return logits.size();
}

}  // namespace etb::runner
