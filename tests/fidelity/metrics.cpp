#include "fidelity/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace etb::fidelity {
namespace {

constexpr double kTiny =
    1e-12;  // the least probability of the bucket of all others, as in record.py

double log_sum_exp(std::span<const float> logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  return most + std::log(sum);
}

}  // namespace

double kl_top(const Position& reference, std::span<const float> logits) {
  const double normalizer = log_sum_exp(logits);
  double kl = 0;
  double reference_mass = 0;
  double tested_mass = 0;
  for (size_t i = 0; i < reference.ids.size(); ++i) {
    const double p = reference.logprobs[i];
    const double q = static_cast<double>(logits[reference.ids[i]]) - normalizer;
    kl += std::exp(p) * (p - q);
    reference_mass += std::exp(p);
    tested_mass += std::exp(q);
  }
  const double p_rest = std::max(1 - reference_mass, kTiny);
  const double q_rest = std::max(1 - tested_mass, kTiny);
  return kl + p_rest * (std::log(p_rest) - std::log(q_rest));
}

void Agreement::add(const Position& reference, std::span<const float> logits,
                    const std::string& where) {
  const auto best = std::max_element(logits.begin(), logits.end());
  const auto id = static_cast<TokenId>(best - logits.begin());
  const bool same = id == reference.ids[0];
  const float gap = reference.gap();
  ++positions;
  agreed += same;
  if (gap >= kClear) {
    ++clear;
    clear_agreed += same;
  }
  if (gap >= kSure) {
    ++sure;
    sure_agreed += same;
    if (!same && first_fault.empty()) {
      first_fault = concat(where, ": ", id, " instead of ", reference.ids[0], ", gap ", gap);
    }
  }
  kl_sum += kl_top(reference, logits);
}

std::string Agreement::summary() const {
  char line[256];
  std::snprintf(line, sizeof line,
                "%zu of %zu positions agree; gap >= 0.5: %zu of %zu; gap >= 0.3: %zu of %zu; "
                "mean KL (top 64 + rest) %.6f",
                agreed, positions, sure_agreed, sure, clear_agreed, clear, mean_kl());
  return line;
}

}  // namespace etb::fidelity
