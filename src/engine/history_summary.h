// The summary that stands for what left the context: how to ask the model for it, and how it is
// shown from then on. Pure; the caller does the generating:
//
//   auto prompt = formatted_prompt_with_history(messages, policy, budget, state, format);
//   if (!prompt->to_summarise.empty()) {
//     state.cut = prompt->cut;
//     while (auto request = next_summary_request(messages, policy, budget, state, format)) {
//       (generate from request->prompt.ids, at most request->max_output_tokens)
//       state.summary = extended_summary(state.summary, *request, text, cut_short);
//     }
//     prompt = formatted_prompt_with_history(messages, policy, budget, state, format);
//   }
//
// A summary replaces the one before it, which the model reads when it writes the new one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/history.h"
#include "engine/history_policy.h"
#include "prompt/chat_template.h"

namespace etb {

// Ends the first system message with the summary, or puts one in front: of several system messages
// many templates show the first alone, and some refuse the second. Nothing if there is no summary.
void add_summary_note(const Summary& summary, std::vector<prompt::Message>& messages);

struct SummaryRequest {
  FormattedPrompt prompt;  // to be generated from as it is
  size_t max_output_tokens = 0;
  size_t covers = 0;     // Summary::covers once it is answered
  bool clipped = false;  // one exchange is longer than the context: its messages lost their middles
};

// What to ask the model for, so that what state.cut leaves out and no summary tells gets into one;
// nullopt when all is told. As many exchanges as fit, oldest first, so that a long conversation
// that was never summarised takes several rounds; each round moves `covers` on.
//
// The request begins with the very messages that the last prompt began with, and only its last
// message is new: their keys and values are in the cache still. ContextFull if the instruction does
// not fit beside what must stay.
Result<std::optional<SummaryRequest>> next_summary_request(
    const std::vector<prompt::Message>& messages, const HistoryPolicy& policy,
    const ContextBudget& budget, const HistoryState& state, const FormatMessages& format);

// The summary after the model said `said`. `cut_short`: it ran into max_output_tokens; then the
// text ends with the last sentence that is whole. If it said nothing the text stays what it was;
// what it was asked about counts as told all the same, so that the rounds come to an end.
Summary extended_summary(const Summary& before, const SummaryRequest& request,
                         std::string_view said, bool cut_short);

}  // namespace etb
