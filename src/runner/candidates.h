// The candidate array that the sampler's stages (samplers/stages.h) shrink, and the draw from it.
//
// Order is by logit, larger first, equal ones by id. Candidates keeps its first sorted() entries in
// that order and all others, which come after every one of them, by id. So each sum has one defined
// order, whatever the standard library does, and a vocabulary is never sorted whole when a stage
// needs only its head.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/token_id.h"

namespace etb::runner {

struct Candidate {
  TokenId id = 0;
  float logit = 0;
};

class Candidates {
 public:
  // All of `logits`, ids 0, 1, ...; entries of -inf (banned tokens) are left out.
  void assign(std::span<const float> logits);
  // The `count` best of `logits` only, in order: what assign() and top_k() give together, faster.
  void assign_best(std::span<const float> logits, size_t count);

  size_t size() const { return items_.size(); }
  size_t sorted() const { return sorted_; }
  std::span<const Candidate> items() const { return items_; }

  // Makes the first min(count, size()) entries sorted.
  void sort(size_t count);
  // Keeps the first `count`. Precondition: count <= sorted().
  void keep(size_t count);
  // Keeps those for which `wanted(index)` holds, in their places.
  void keep_flagged(std::span<const uint8_t> wanted);
  // logit -> (logit - best) / divisor, divisor > 0: nothing can overflow upwards, and the order
  // stays (also among those that become equal).
  void spread(float divisor);
  float best_logit() const;  // Precondition: size() > 0

 private:
  std::vector<Candidate> items_;
  std::vector<float> scratch_;
  size_t sorted_ = 0;
};

// exp(logit - best logit) of each candidate, in the candidates' places, and their sum in id order
// of the unsorted and rank order of the sorted: weights[i] / sum is the probability.
double softmax_weights(const Candidates& candidates, std::vector<double>& weights);

// The candidate at `point` (in [0, 1)) of the cumulative distribution, in the candidates' order.
TokenId draw(const Candidates& candidates, double point);

// The largest logit's id, the lowest id among equals. Precondition: not empty, no NaN.
TokenId argmax(std::span<const float> logits);
// Index of the first logit that is NaN or infinite; logits.size() if none is.
size_t first_not_finite(std::span<const float> logits);

}  // namespace etb::runner
