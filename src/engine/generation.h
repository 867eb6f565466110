// The model thread's part of a request: prefill, then sample, stop, stream, feed. A sampled token
// enters the cache only when the next one is wanted, so a stop costs nothing. Where text repeats,
// what follows is guessed and several tokens are checked in one pass: the same ids, sooner.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "engine/answer.h"
#include "engine/draft_policy.h"
#include "engine/loaded_model.h"
#include "engine/media_prompt.h"
#include "engine/request.h"
#include "runner/sequence.h"

namespace etb {

struct GenerationInput {
  const ModelInfo& model;
  const GenerateOptions& options;
  const std::vector<TokenId>& prompt;
  const std::vector<PromptMedia>& media;  // that stand in `prompt`
  runner::TextRunner& encoder;            // of them
  std::string_view prompt_text = {};  // of a chat; empty: the answer is not parted from reasoning
  CallReader* calls = nullptr;        // null: no calls are looked for
  const CancelToken* cancel = nullptr;
  const Clock& clock;
  PassCosts& costs;      // of this model on this machine, measured along
  int64_t start_ns = 0;  // of the request: what ttft_ms counts from
  // Positions that may be used, at most the sequence's own. May shrink while this runs.
  std::function<uint32_t()> capacity;
  std::function<void()> between;  // before each pass: what else the model thread has to do
  std::function<void(Event)> emit;
};

// Feeds what of the prompt is not in `sequence` yet (its ids are a prefix of the prompt) and
// generates. Emits Text, Reasoning and ToolCall events; all has been emitted when this returns. Ok
// also if cancelled: the answer then holds what was said. An error leaves `sequence` at a defined
// position.
Result<Answer> generate(const GenerationInput& input, runner::Sequence& sequence);

// Feeds the prompt and nothing else. Ok also if cancelled: what was computed is there.
Status warm(const GenerationInput& input, runner::Sequence& sequence);

}  // namespace etb
