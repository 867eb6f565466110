// How near a model under test comes to a recorded reference: pure arithmetic on logits, in double.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "fidelity/references.h"

namespace etb::fidelity {

// Kullback-Leibler divergence KL(reference || tested) over the reference's top tokens and one
// bucket for all others. Never below 0 but for rounding; never above the divergence over the whole
// vocabulary. Precondition: the reference's ids are < logits.size().
double kl_top(const Position& reference, std::span<const float> logits);

// Agreement of the most likely token, counted by how sure the reference is.
struct Agreement {
  static constexpr float kSure = 0.5F;   // the reference's top two this far apart: must agree
  static constexpr float kClear = 0.3F;  // this far: must agree on 99 % of positions
  size_t positions = 0, agreed = 0;      // all
  size_t sure = 0, sure_agreed = 0;      // gap >= kSure
  size_t clear = 0, clear_agreed = 0;    // gap >= kClear
  double kl_sum = 0;
  std::string first_fault;  // names the first disagreement at a gap >= kSure; empty: none

  // Counts one position; `where` names it in first_fault.
  void add(const Position& reference, std::span<const float> logits, const std::string& where);
  double mean_kl() const { return positions == 0 ? 0 : kl_sum / static_cast<double>(positions); }
  std::string summary() const;  // one line for people
};

}  // namespace etb::fidelity
