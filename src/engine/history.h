// formatted_prompt_with_history: which part of a conversation goes into the prompt, so that prompt
// and answer fit the context. A pure function of (messages, policy, budget, state, what they cost):
// whole exchanges go, oldest first; the system prompt, the newest turn and what is pinned stay.
//
// Tokens are counted on the prompt as it is rendered and encoded, never guessed. A conversation
// that fits is rendered once; one that does not a handful of times more, each time shorter, however
// many exchanges it has.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "engine/history_policy.h"
#include "engine/media_prompt.h"
#include "prompt/chat_template.h"

namespace etb {

struct FormattedPrompt {
  std::vector<TokenId> ids;
  std::string text;                     // what `ids` encode
  std::vector<PromptMedia> media = {};  // that stand among `ids`, in order
  // The rest is about the messages that were asked for; a FormatMessages leaves it alone.
  size_t dropped = 0;                     // messages left out
  size_t cut = 0;                         // HistoryState::cut of the next turn
  std::vector<size_t> kept = {};          // indices of the messages that are in, ascending
  std::vector<size_t> to_summarise = {};  // Summarise: of those left out, what no summary tells yet
};

// Renders messages and encodes the text: the same ids for the same messages.
using FormatMessages =
    std::function<Result<FormattedPrompt>(const std::vector<prompt::Message>& messages)>;

// What stands in the prompt for messages that were left out. Made by history_summary.h.
struct Summary {
  std::string text;   // empty: there is none
  size_t covers = 0;  // messages after the system prompt that it tells about
};

// What one turn hands to the next. Start with {} for a new conversation, and whenever messages
// before the cut were changed.
struct HistoryState {
  size_t cut = 0;  // messages after the system prompt; earlier turns left them out, they stay out
  Summary summary = {};  // shown as a note at the end of the system prompt, under every policy
};

// ContextFull, with the numbers, if even what must stay does not fit; any error of `format`. Then
// nothing is lost: the messages and the state are the caller's and as they were.
//
// The result fits prompt_limit(budget); under Summarise, as soon as something is to be summarised
// (`to_summarise` is not empty), also with summary_room tokens more. Its cut is never before
// state.cut, unless that lies beyond the conversation, and a call with that cut gives the same
// prompt again.
Result<FormattedPrompt> formatted_prompt_with_history(const std::vector<prompt::Message>& messages,
                                                      const HistoryPolicy& policy,
                                                      const ContextBudget& budget,
                                                      const HistoryState& state,
                                                      const FormatMessages& format);

}  // namespace etb
