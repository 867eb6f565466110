// What came of a request. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/token_id.h"

namespace etb {

// Append-only: the numbers will cross the C ABI.
enum class FinishReason : int {
  Stop = 0,
  Length = 1,
  StopString = 2,
  Cancelled = 3,
  ToolCalls = 4,  // as Stop, and the answer has calls
};

// "stop", "length", "stop_string", "cancelled", "tool_calls".
std::string_view finish_reason_name(FinishReason reason);

// One generated token's log-probabilities under the model (before any sampling stage).
struct TokenLogprobs {
  TokenId id = 0;
  float logprob = 0;
  std::vector<std::pair<TokenId, float>> top;  // best first
};

// A tool that the model asks for.
struct ToolCall {
  std::string id;  // of no other call of the conversation
  std::string name;
  std::string arguments;  // a JSON object
  bool operator==(const ToolCall&) const = default;
};

struct Answer {
  std::string text;
  std::string reasoning;             // what the model thought before it said `text`; no part of it
  std::vector<ToolCall> tool_calls;  // no part of `text` either
  std::vector<TokenId> ids;          // generated, the stop id included if one ended the answer
  std::vector<TokenId> prompt_ids;
  FinishReason finish_reason = FinishReason::Length;
  std::vector<TokenLogprobs> logprobs;

  size_t prompt_tokens = 0;
  size_t cached_tokens = 0;        // of the prompt: taken from a KV cache, not computed again
  size_t dropped_messages = 0;     // of the history, left out of the prompt so that it fits
  size_t summarised_messages = 0;  // of those, said again in a summary that this request made
  double queue_ms = 0;             // from submit to the model thread, a reload included
  double ttft_ms = 0;              // from submit to the first token
  double prefill_tps = 0;          // prompt tokens computed per second
  double decode_tps = 0;           // 0 if fewer than two tokens came
  size_t reasoning_tokens = 0;     // of `ids`, the tags included
  double reasoning_ms = 0;         // from the first token to the end of the reasoning
  size_t drafted_tokens = 0;       // guessed by look-up and checked
  size_t accepted_tokens = 0;      // of these, right
  uint64_t kv_bytes = 0;           // the session's keys and values, after the answer
  uint64_t footprint_bytes = 0;    // the process's dirty memory, after the answer
};

}  // namespace etb
