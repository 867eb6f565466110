#include "engine/history_summary.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engine/history_fit.h"

namespace etb {
namespace {

using Messages = std::vector<prompt::Message>;

constexpr std::string_view kNote = "Summary of the conversation so far:\n";
constexpr std::string_view kGap = " [...] ";
constexpr std::string_view kSpace = " \t\r\n";

std::string instruction(const HistoryPolicy& policy, size_t tokens) {
  if (!policy.summary_prompt.empty()) return policy.summary_prompt;
  return concat(
      "Summarize our conversation so far in at most ", std::max<size_t>(tokens / 2, 10),
      " words, in the language we speak, so that it can go on without the messages above. Keep "
      "names, numbers, facts, decisions and open questions, and what an earlier summary says. "
      "Answer with the summary alone.");
}

// Where a character begins: `at` or a little before it.
size_t character_start(std::string_view text, size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) {
    --at;
  }
  return at;
}

// At most about `bytes` of the text: its beginning and its end.
std::string clipped(const std::string& text, size_t bytes) {
  if (text.size() <= bytes) return text;
  const size_t head = character_start(text, bytes - bytes / 3);
  const size_t tail = character_start(text, text.size() - bytes / 3);
  return concat(text.substr(0, head), kGap, text.substr(tail));
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

// Up to the last sentence that is whole; all of it if there is none in its second half.
std::string_view whole_sentences(std::string_view text) {
  size_t end = 0;
  for (const std::string_view mark : {".", "!", "?", "\n", "。", "！", "？", "।", "؟"}) {
    const size_t at = text.rfind(mark);
    if (at != std::string_view::npos) end = std::max(end, at + mark.size());
  }
  return end > text.size() / 2 ? trimmed(text.substr(0, end)) : text;
}

// One question for a summary in the making.
struct Asking {
  const Messages& messages;
  const HistoryState& state;
  const FormatMessages& format;
  ExchangePlan plan;
  std::vector<ExchangePlan::Exchange> untold;
  std::string question;

  // About the first `exchanges` of what is untold. `clip`: the most bytes that the messages of the
  // last of them may have.
  Result<FormattedPrompt> render(size_t exchanges, size_t clip) const {
    const auto& last = untold[exchanges - 1];
    Messages chosen;
    for (const size_t i : plan.kept(state.summary.covers)) {
      if (i >= last.end) break;
      chosen.push_back(messages[i]);
      if (i < last.begin) continue;
      chosen.back().content = clipped(messages[i].content, clip);
      if (chosen.back().content.size() == messages[i].content.size()) continue;
      for (prompt::Attachment& attachment : chosen.back().media) attachment.at = 0;
    }
    add_summary_note(state.summary, chosen);
    chosen.push_back({"user", question});
    return format(chosen);
  }

  // About how many bytes remain, leaving out ever more exchanges from the end.
  std::vector<size_t> bytes() const {
    size_t left = state.summary.text.size() + question.size();
    for (const size_t i : plan.kept(state.summary.covers)) {
      if (i < untold.back().end) left += message_bytes(messages[i]);
    }
    std::vector<size_t> falling = {left};
    for (size_t n = untold.size() - 1; n > 0; --n) {
      for (size_t i = untold[n - 1].end; i < untold[n].end; ++i) {
        left -= message_bytes(messages[i]);
      }
      falling.push_back(left);
    }
    return falling;
  }

  // The first exchange alone, clipped until it fits.
  Result<FormattedPrompt> render_clipped(size_t limit) const {
    constexpr size_t kLeast = 16;
    constexpr size_t kBytesPerToken = 8;  // few texts have more: where to begin
    size_t clip = 0;
    for (size_t i = untold.front().begin; i < untold.front().end; ++i) {
      clip = std::max(clip, messages[i].content.size());
    }
    clip = std::min(clip, limit * kBytesPerToken);
    for (;;) {
      clip = clip / 4 * 3;
      ETB_ASSIGN_OR_RETURN(FormattedPrompt prompt, render(1, clip));
      if (prompt.ids.size() <= limit) return prompt;
      if (clip >= kLeast) continue;
      return Status(StatusCode::ContextFull,
                    concat("a summary cannot be asked for: with the system prompt and what is "
                           "pinned that needs ",
                           prompt.ids.size(), " tokens, and only ", limit,
                           " are free beside the summary: shorten the system prompt, unpin "
                           "messages, or load the model with a longer context"));
    }
  }
};

}  // namespace

void add_summary_note(const Summary& summary, Messages& messages) {
  if (summary.text.empty()) return;
  const std::string note = concat(kNote, summary.text);
  if (messages.empty() || messages.front().role != "system") {
    messages.insert(messages.begin(), {"system", note});
    return;
  }
  std::string& system = messages.front().content;
  if (!system.empty()) system += "\n\n";
  system += note;
}

Result<std::optional<SummaryRequest>> next_summary_request(const Messages& messages,
                                                           const HistoryPolicy& policy,
                                                           const ContextBudget& budget,
                                                           const HistoryState& state,
                                                           const FormatMessages& format) {
  Asking asking{messages, state, format, plan_exchanges(messages, policy), {}, {}};
  asking.untold = asking.plan.left_out(state.summary.covers, state.cut);
  if (asking.untold.empty()) return std::optional<SummaryRequest>();

  SummaryRequest request;
  request.max_output_tokens = std::max<size_t>(summary_limit(policy, budget), 1);
  asking.question = instruction(policy, request.max_output_tokens);
  const size_t limit =
      budget.context_length - std::min(budget.context_length, request.max_output_tokens);
  constexpr size_t kWhole = static_cast<size_t>(-1);
  size_t told = asking.untold.size();
  ETB_ASSIGN_OR_RETURN(request.prompt, asking.render(told, kWhole));
  if (request.prompt.ids.size() > limit) {
    const size_t all = told;
    const FitSearch search{asking.bytes(),
                           [&](size_t option) { return asking.render(all - option, kWhole); }};
    ETB_ASSIGN_OR_RETURN(auto found, search.first_within(limit, std::move(request.prompt)));
    told = all - found.option;
    request.prompt = std::move(found.prompt);
  }
  if (request.prompt.ids.size() > limit) {
    ETB_ASSIGN_OR_RETURN(request.prompt, asking.render_clipped(limit));
    request.clipped = true;
  }
  request.covers = asking.untold[told - 1].end - asking.plan.system;
  return std::optional<SummaryRequest>(std::move(request));
}

Summary extended_summary(const Summary& before, const SummaryRequest& request,
                         std::string_view said, bool cut_short) {
  Summary summary{before.text, std::max(before.covers, request.covers)};
  std::string_view text = trimmed(said);
  if (cut_short) text = whole_sentences(text);
  if (!text.empty()) summary.text = text;
  return summary;
}

}  // namespace etb
