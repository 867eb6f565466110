// How well the model foretells a text. Chunks and counting are llama-perplexity's: the text is cut
// into windows of `window` tokens, each starts anew (with BOS if the model wants one), and the
// second half of each is scored.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/loaded_model.h"

namespace etb {

struct PerplexityReport {
  double perplexity = 0;
  size_t tokens = 0;  // scored
  size_t chunks = 0;
};

using PerplexityProgress = std::function<void(size_t chunk, size_t chunks, double perplexity)>;

// InvalidArgument if there are fewer ids than one window, or the window exceeds the context.
Result<PerplexityReport> perplexity(LoadedModel& model, std::span<const TokenId> ids, size_t window,
                                    const PerplexityProgress& progress);

// One position of a text read in one context.
struct PositionLogprobs {
  size_t pos = 0;
  TokenId id = 0;     // the token at pos
  float logprob = 0;  // of the token that follows; NaN at the last position
  std::vector<std::pair<TokenId, float>> top;  // after pos, best first
};

Status position_logprobs(LoadedModel& model, std::span<const TokenId> ids, size_t top,
                         const std::function<void(const PositionLogprobs&)>& visit);

}  // namespace etb
