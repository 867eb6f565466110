#include "runner/samplers/dry.h"

#include <algorithm>

#include "runner/samplers/option_range.h"

namespace etb::runner {
namespace {

// Larger than any difference of logits that matters; keeps base^n finite.
constexpr double kLargestPenalty = 1e6;

// matches[k]: how many tokens, read backwards, the history without its last k tokens has in common
// with the whole history (the Z function of the reversed history).
std::vector<size_t> backward_matches(std::span<const TokenId> history) {
  const size_t size = history.size();
  const auto reversed = [&](size_t i) { return history[size - 1 - i]; };
  std::vector<size_t> matches(size, 0);
  size_t left = 0;
  size_t right = 0;
  for (size_t k = 1; k < size; ++k) {
    size_t length = k < right ? std::min(right - k, matches[k - left]) : 0;
    while (k + length < size && reversed(length) == reversed(k + length)) ++length;
    matches[k] = length;
    if (k + length > right) {
      left = k;
      right = k + length;
    }
  }
  return matches;
}

}  // namespace

Status check_dry(const DryOptions& o) {
  // Written so that NaN fails every test.
  if (!(o.multiplier >= 0 && o.multiplier <= 1000)) {
    return out_of_range("dry", o.multiplier, "from 0 (off) to 1000");
  }
  if (!(o.base >= 1 && o.base <= 1000)) return out_of_range("dry-base", o.base, "from 1 to 1000");
  if (o.window < -1) return out_of_range("dry-window", o.window, "-1 (all tokens) or more");
  return {};
}

DryHistory::DryHistory(const DryOptions& options, std::span<const TokenId> breakers)
    : options_(options), breakers_(breakers.begin(), breakers.end()) {}

void DryHistory::accept(TokenId id) {
  if (options_.multiplier > 0) history_.push_back(id);
}

std::span<const TokenId> DryHistory::tail() const {
  const std::span<const TokenId> all(history_);
  if (options_.window < 0) return all;
  return all.last(std::min(all.size(), static_cast<size_t>(options_.window)));
}

std::unordered_map<TokenId, size_t> DryHistory::repeats() const {
  std::unordered_map<TokenId, size_t> repeats;
  const std::span<const TokenId> history = tail();
  size_t unbroken = 0;  // tokens since the last breaker
  while (unbroken < history.size() && !breakers_.contains(history[history.size() - 1 - unbroken])) {
    ++unbroken;
  }
  const std::vector<size_t> matches = backward_matches(history);
  for (size_t k = 1; k < matches.size(); ++k) {
    const size_t length = std::min(matches[k], unbroken);
    const TokenId next = history[history.size() - k];
    if (length == 0 || breakers_.contains(next)) continue;
    size_t& longest = repeats[next];
    longest = std::max(longest, length);
  }
  return repeats;
}

void DryHistory::apply(std::span<float> logits) const {
  if (!(options_.multiplier > 0)) return;
  for (const auto& [id, length] : repeats()) {
    if (length < options_.allowed_length || id >= logits.size()) continue;
    double penalty = static_cast<double>(options_.multiplier);
    for (size_t n = options_.allowed_length; n < length && penalty < kLargestPenalty; ++n) {
      penalty *= static_cast<double>(options_.base);
    }
    logits[id] -= static_cast<float>(std::min(penalty, kLargestPenalty));
  }
}

}  // namespace etb::runner
