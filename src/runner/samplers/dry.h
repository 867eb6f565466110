// DRY ("don't repeat yourself"): a token that would continue a sequence which stands in the history
// already is pushed back, the more the longer that sequence is.
//
// Let n be the length of the longest suffix of the history that also ends somewhere earlier, right
// before an occurrence of token t. If n >= allowed_length, t's logit loses
// multiplier * base^(n - allowed_length), at most a million. A suffix never reaches over a breaker
// (line ends, quotes, names): what starts again after one is no repetition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "runner/sampler_options.h"

namespace etb::runner {

// InvalidArgument names the option that is out of its range.
Status check_dry(const DryOptions& options);

class DryHistory {
 public:
  DryHistory(const DryOptions& options, std::span<const TokenId> breakers);
  void accept(TokenId id);
  // Time linear in the history that is looked at. Ids beyond the logits are skipped.
  void apply(std::span<float> logits) const;

  // n of each token that has one: what apply() works from.
  std::unordered_map<TokenId, size_t> repeats() const;

 private:
  // The tail of the history that counts: at most `window` tokens.
  std::span<const TokenId> tail() const;

  DryOptions options_;
  std::unordered_set<TokenId> breakers_;
  std::vector<TokenId> history_;
};

}  // namespace etb::runner
