// What is asked of the model and what came of it. Plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/token_id.h"
#include "runner/sampler.h"
#include "stream/batcher.h"

namespace etb {

// Append-only: the numbers will cross the C ABI.
enum class FinishReason : int { Stop = 0, Length = 1, StopString = 2, Cancelled = 3 };

std::string_view finish_reason_name(
    FinishReason reason);  // "stop", "length", "stop_string", "cancelled"

struct GenerateOptions {
  int max_tokens = -1;  // -1: until a stop or the end of the context
  runner::SamplerOptions sampler = {};
  std::vector<std::string> stops = {};  // stop strings; the answer's text is cut before them
  bool ignore_eos = false;  // generate past stop ids (they are sampled, but never shown)
  int logprobs = 0;         // > 0: log-probabilities of each token and of this many best
  stream::BatchOptions batch = {};
};

// One generated token's log-probabilities under the model (before any sampling stage).
struct TokenLogprobs {
  TokenId id = 0;
  float logprob = 0;
  std::vector<std::pair<TokenId, float>> top;  // best first
};

struct Answer {
  std::string text;
  std::vector<TokenId> ids;  // generated, the stop id included if one ended the answer
  std::vector<TokenId> prompt_ids;
  FinishReason finish_reason = FinishReason::Length;
  std::vector<TokenLogprobs> logprobs;
  size_t prompt_tokens = 0;
  size_t cached_tokens = 0;     // of the prompt: taken from the KV cache, not computed again
  double ttft_ms = 0;           // from the call to the first token
  double prefill_tps = 0;       // prompt tokens computed per second
  double decode_tps = 0;        // 0 if fewer than two tokens came
  size_t dropped_messages = 0;  // of the history, left out of the prompt so that it fits
};

// Gets text as it comes, whole UTF-8, on the calling thread. May be empty.
using TextSink = std::function<void(std::string_view text)>;

}  // namespace etb
