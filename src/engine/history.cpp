#include "engine/history.h"

#include <algorithm>

#include "base/text.h"
#include "engine/history_fit.h"
#include "engine/history_summary.h"

namespace etb {
namespace {

using Messages = std::vector<prompt::Message>;

// A part of `whole`, rounded down.
size_t share(size_t whole, double part) {
  return static_cast<size_t>(static_cast<double>(whole) * std::clamp(part, 0.0, 1.0));
}

// Cuts the policy leaves open, whatever the tokens: the first one is to be tried first.
std::vector<size_t> allowed_cuts(const ExchangePlan& plan, const HistoryPolicy& policy,
                                 size_t messages, size_t cut) {
  std::vector<size_t> cuts = plan.cuts_from(cut);
  if (policy.kind == HistoryKind::Error) cuts.resize(1);
  if (policy.kind != HistoryKind::MessageCount) return cuts;
  const auto after = [&](size_t some_cut) { return messages - plan.system - some_cut; };
  if (after(cuts.front()) <= policy.max_messages) return cuts;
  const size_t wanted = share(policy.max_messages, policy.refill);
  auto first = std::find_if(cuts.begin(), cuts.end(),
                            [&](size_t some_cut) { return after(some_cut) <= wanted; });
  if (first == cuts.end()) --first;
  cuts.erase(cuts.begin(), first);
  return cuts;
}

// One conversation on its way into one prompt.
struct Task {
  const Messages& messages;
  const HistoryState& state;
  const FormatMessages& format;
  ExchangePlan plan;

  Result<FormattedPrompt> render(size_t cut) const {
    std::vector<size_t> kept = plan.kept(cut);
    Messages chosen;
    chosen.reserve(kept.size() + 1);
    for (const size_t i : kept) chosen.push_back(messages[i]);
    add_summary_note(state.summary, chosen);
    ETB_ASSIGN_OR_RETURN(FormattedPrompt prompt, format(chosen));
    prompt.dropped = messages.size() - kept.size();
    prompt.cut = cut;
    prompt.kept = std::move(kept);
    return prompt;
  }

  // About how many bytes each cut keeps.
  std::vector<size_t> bytes(const std::vector<size_t>& cuts) const {
    size_t left = state.summary.text.size();
    for (const size_t i : plan.kept(cuts.front())) left += message_bytes(messages[i]);
    std::vector<size_t> falling;
    auto exchange = plan.exchanges.begin();
    for (const size_t cut : cuts) {
      for (; exchange != plan.exchanges.end() && exchange->begin - plan.system < cut; ++exchange) {
        if (exchange->stays || exchange->begin - plan.system < cuts.front()) continue;
        for (size_t i = exchange->begin; i < exchange->end; ++i) left -= message_bytes(messages[i]);
      }
      falling.push_back(left);
    }
    return falling;
  }
};

Status context_full(HistoryKind kind, const ContextBudget& budget, size_t needed) {
  const std::string_view what =
      kind == HistoryKind::Error
          ? "the conversation needs "
          : "the newest message, with the system prompt and what is pinned, needs ";
  const std::string_view remedy =
      kind == HistoryKind::Error
          ? "let old messages go (another history policy), begin a new conversation, "
          : "shorten it, ask for a shorter answer, ";
  return {StatusCode::ContextFull,
          concat(what, needed, " tokens, but of the context of ", budget.context_length, " only ",
                 prompt_limit(budget), " are free for the prompt (", answer_reserve(budget),
                 " are kept for the answer): ", remedy, "or load the model with a longer context")};
}

}  // namespace

Result<FormattedPrompt> formatted_prompt_with_history(const Messages& messages,
                                                      const HistoryPolicy& policy,
                                                      const ContextBudget& budget,
                                                      const HistoryState& state,
                                                      const FormatMessages& format) {
  const Task task{messages, state, format, plan_exchanges(messages, policy)};
  const std::vector<size_t> cuts = allowed_cuts(task.plan, policy, messages.size(), state.cut);
  const bool summarises = policy.kind == HistoryKind::Summarise;
  const size_t limit = prompt_limit(budget);
  const size_t limit_with_summary = limit - (summarises ? summary_room(policy, budget) : 0);

  ETB_ASSIGN_OR_RETURN(FormattedPrompt prompt, task.render(cuts.front()));
  if (prompt.ids.size() > limit && cuts.size() > 1) {
    const FitSearch search{task.bytes(cuts),
                           [&](size_t option) { return task.render(cuts[option]); }};
    const size_t wanted = std::min(share(limit, policy.refill), limit_with_summary);
    ETB_ASSIGN_OR_RETURN(auto found, search.first_within(wanted, std::move(prompt)));
    prompt = std::move(found.prompt);
  }
  if (prompt.ids.size() > limit) return context_full(policy.kind, budget, prompt.ids.size());
  if (summarises && prompt.ids.size() <= limit_with_summary) {
    for (const auto& exchange : task.plan.left_out(state.summary.covers, prompt.cut)) {
      for (size_t i = exchange.begin; i < exchange.end; ++i) prompt.to_summarise.push_back(i);
    }
  }
  return prompt;
}

}  // namespace etb
