#include "engine/history.h"

#include <algorithm>

#include "base/text.h"

namespace etb {
namespace {

using Messages = std::vector<prompt::Message>;

size_t leading_system_messages(const Messages& messages) {
  size_t n = 0;
  while (n < messages.size() && messages[n].role == "system") ++n;
  return n;
}

// Where exchanges begin: at each user message (and at what comes before the first one).
std::vector<size_t> exchange_starts(const Messages& messages, size_t system) {
  std::vector<size_t> starts;
  for (size_t i = system; i < messages.size(); ++i) {
    if (i == system || messages[i].role == "user") starts.push_back(i);
  }
  return starts;
}

Messages without(const Messages& messages, size_t from, size_t to) {
  Messages kept(messages.begin(), messages.begin() + static_cast<ptrdiff_t>(from));
  kept.insert(kept.end(), messages.begin() + static_cast<ptrdiff_t>(to), messages.end());
  return kept;
}

}  // namespace

Result<FormattedPrompt> formatted_prompt_with_history(const Messages& messages,
                                                      const HistoryBudget& budget,
                                                      const FormatMessages& format) {
  const size_t allowed = budget.context > budget.reserve ? budget.context - budget.reserve : 0;
  const size_t system = leading_system_messages(messages);
  std::vector<size_t> starts = exchange_starts(messages, system);
  std::erase_if(starts, [&](size_t start) { return start < system + budget.already_dropped; });
  const size_t first = starts.empty() ? system : starts.front();
  ETB_ASSIGN_OR_RETURN(FormattedPrompt whole, format(without(messages, system, first)));
  whole.dropped = first - system;
  if (whole.ids.size() <= allowed) return whole;

  const size_t wanted = static_cast<size_t>(static_cast<double>(allowed) * budget.refill);
  // Fewer exchanges never cost more tokens, so the first cut that fits is found by halving.
  size_t low = 1, high = starts.empty() ? 0 : starts.size() - 1;  // exchanges to drop
  if (high == 0) high = low - 1;
  FormattedPrompt best = std::move(whole);
  while (low <= high) {
    const size_t drop = low + (high - low) / 2;
    const size_t cut = starts[drop];
    ETB_ASSIGN_OR_RETURN(FormattedPrompt cut_prompt, format(without(messages, system, cut)));
    cut_prompt.dropped = cut - system;
    const bool fits = cut_prompt.ids.size() <= wanted;
    if (fits || cut_prompt.ids.size() < best.ids.size()) best = std::move(cut_prompt);
    if (fits) {
      high = drop - 1;
    } else {
      low = drop + 1;
    }
  }
  if (best.ids.size() <= allowed) return best;
  return Status(
      StatusCode::ContextFull,
      concat("the newest message needs ", best.ids.size(), " tokens, but of the context of ",
             budget.context, " only ", allowed, " are free for the prompt (", budget.reserve,
             " are kept for the answer): shorten it, or load the model with "
             "a longer context"));
}

}  // namespace etb
