// formatted_prompt_with_history: which part of a conversation goes into the prompt, so that prompt
// and answer fit the context. A pure function of (messages, what they cost, budget): whole
// exchanges go, oldest first, never half of one; the system prompt and the newest user turn stay.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "prompt/chat_template.h"

namespace etb {

struct HistoryBudget {
  size_t context = 0;  // positions of the KV cache
  size_t reserve = 0;  // of these, kept free for the answer
  // Once something must go, more goes until the prompt fits this share of what is allowed: the KV
  // cache is rebuilt seldom instead of at every turn.
  double refill = 0.7;
  // Messages (after the system prompt) that earlier turns left out: they stay out, and the cut
  // moves on only when the prompt does not fit any more.
  size_t already_dropped = 0;
};

struct FormattedPrompt {
  std::vector<TokenId> ids;
  std::string text;    // what `ids` encode
  size_t dropped = 0;  // messages left out
};

// Renders messages and encodes the text; called a few times with ever fewer messages.
using FormatMessages =
    std::function<Result<FormattedPrompt>(const std::vector<prompt::Message>& messages)>;

// ContextFull, with the numbers, if even system prompt and newest turn do not fit.
Result<FormattedPrompt> formatted_prompt_with_history(const std::vector<prompt::Message>& messages,
                                                      const HistoryBudget& budget,
                                                      const FormatMessages& format);

}  // namespace etb
