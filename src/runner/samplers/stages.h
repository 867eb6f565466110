// The samplers that choose among candidates, one file each: a plain function that shrinks or
// rescales the candidate array, and a row of the table below that ties it to its option.
//
// Each leaves at least one candidate and keeps the array's order (candidates.h). Sums run in double
// over that order with our own exp and log, so the outcome is the same on every machine.
// Precondition of each: candidates.size() > 0.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/status.h"
#include "runner/candidates.h"
#include "runner/sampler_options.h"

namespace etb::runner {

// The k best; 0: all.
void top_k(Candidates& candidates, size_t k);
// The shortest head of the order whose probabilities reach p (0 < p < 1).
void top_p(Candidates& candidates, double p);
// Those at least min_p times as probable as the best (0 < min_p <= 1).
void min_p(Candidates& candidates, double min_p);
// Locally typical: those whose surprise is nearest to the entropy, until their probabilities reach
// p (0 < p < 1); ties by rank.
void typical(Candidates& candidates, double p);
// Divides the logits by `temperature` (> 0), after taking off the best one.
void temperature(Candidates& candidates, float temperature);

struct Stage {
  SamplerStage id;
  std::string_view name;                           // of its option
  Status (*check)(const SamplerOptions& options);  // InvalidArgument: its option is out of range
  // Does nothing where the option says "off". Precondition: check() is ok.
  void (*run)(Candidates& candidates, const SamplerOptions& options);
};

extern const Stage kTopKStage, kTypicalStage, kTopPStage, kMinPStage, kTemperatureStage;

// All there are, in the order of SamplerStage.
std::span<const Stage* const> all_stages();
// nullptr: no such stage.
const Stage* find_stage(SamplerStage id);

}  // namespace etb::runner
