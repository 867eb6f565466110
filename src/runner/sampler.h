// Sampler: logits -> the next token. One a request; deterministic, nothing global.
//
// The order: logit bias (bans included); penalties (repeat, then presence and frequency) over the
// last tokens; DRY; if the temperature is 0 the largest logit, else the stages of
// SamplerOptions::stages one after the other, in the order listed there, then one draw. Each stage
// is a pure function over a candidate array, in a file of its own (samplers/stages.h).
// Equal logits are ordered by id. exp and log are our own and the generator is counter-based, so
// the same seed gives the same tokens on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "runner/candidates.h"
#include "runner/sampler_options.h"
#include "runner/samplers/dry.h"
#include "runner/samplers/penalties.h"

namespace etb::runner {

class Sampler {
 public:
  // InvalidArgument names the option that is out of its range, or a bias id beyond the vocabulary.
  static Result<Sampler> create(const SamplerOptions& options, size_t vocab_size);

  // Chooses a token. Does not count it as history: accept() does. Each call draws a new number.
  // InvalidArgument: logits of another size than the vocabulary. Internal: a logit that is not
  // finite (named), or a bias that bans every token.
  Result<TokenId> sample(std::span<const float> logits);

  // Tokens the penalties will look at, oldest first: those of the prompt, if the caller wants them
  // counted, and each chosen one. Ids beyond the vocabulary are ignored.
  void accept(TokenId id);
  void accept(std::span<const TokenId> ids);

  const SamplerOptions& options() const { return options_; }
  // What the last sample() drew from, with the logits the stages left them; empty if it was greedy.
  const Candidates& drawn_from() const { return candidates_; }

 private:
  Sampler(const SamplerOptions& options, size_t vocab_size);
  bool changes_logits() const;
  Result<TokenId> choose(std::span<const float> logits);

  SamplerOptions options_;
  size_t vocab_size_;
  uint64_t draws_ = 0;
  PenaltyHistory history_;
  DryHistory dry_;
  Candidates candidates_;
  std::vector<float> adjusted_;  // scratch: logits after bias and penalties
};

}  // namespace etb::runner
