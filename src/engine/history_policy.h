// Which messages of a conversation may go when it outgrows its context: the policies as plain data
// and the rules they share, all pure. What is then rendered and counted: history.h.
//
// The shape of every policy is one: a *cut*, a number of messages after the system prompt. What
// stands before the cut is left out unless it is protected; what stands after it is in. The cut
// lies between exchanges and only ever moves on, so the ids before it stay what they were and the
// keys and values of the cache stay of use.
//
// An exchange begins at a user message (with the system messages right before it) and goes up to
// the next one: question, tool calls, tool results and answer are one, and stay or go together. So
// do the halves of an exchange of which one message is pinned: both stay.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "prompt/chat_template.h"

namespace etb {

// Append-only: the numbers will cross the C ABI.
enum class HistoryKind : int {
  SlidingWindow = 0,  // the oldest exchanges go until the prompt fits
  MessageCount = 1,   // the same, and also once more than `max_messages` stand after the cut
  KeepFirst = 2,      // the first `keep_first` exchanges stay, those after them go
  Summarise = 3,      // as SlidingWindow; what goes is to be put into a summary (history_summary.h)
  Error = 4,          // nothing goes: ContextFull
};

// "sliding_window", "message_count", "keep_first", "summarise", "error".
std::string_view history_kind_name(HistoryKind kind);

struct HistoryPolicy {
  HistoryKind kind = HistoryKind::SlidingWindow;
  size_t max_messages = 20;  // MessageCount; the system prompt and the newest turn always stay
  size_t keep_first = 1;     // KeepFirst
  // Hysteresis: once something must go, more goes, until what stays is at most this share of what
  // the limit (tokens or messages) allows. 1 cuts as little as possible at every turn; smaller
  // values cut, and so rebuild the cache, seldom. Clamped to [0, 1].
  double refill = 0.7;
  // Summarise: the longest summary in tokens, for which room is kept beside the prompt; 0: a
  // sixteenth of the context, 32 at least, 256 at most.
  size_t summary_tokens = 0;
  std::string summary_prompt = {};  // what asks the model for it; empty: the one we wrote
};

// What there is to share out, in tokens. The two are never the same thing: the context holds the
// prompt and the answer together, max_output_tokens limits the answer alone.
struct ContextBudget {
  size_t context_length = 0;                     // positions of the KV cache
  std::optional<size_t> max_output_tokens = {};  // nullopt: until a stop, or the context is full
};

// Positions kept free for the answer: what was asked for, but at most half the context (a longer
// answer goes on into what the prompt leaves free); if nothing was asked for a quarter, at most
// 512. At least 1, unless there is no context at all: a prompt that fills it has no answer.
size_t answer_reserve(const ContextBudget& budget);
// What the prompt may have: context_length - answer_reserve.
size_t prompt_limit(const ContextBudget& budget);
// The longest summary, as HistoryPolicy::summary_tokens says; at most a quarter of prompt_limit.
size_t summary_limit(const HistoryPolicy& policy, const ContextBudget& budget);
// What a prompt leaves free for a summary that is yet to come: that and the words around it.
size_t summary_room(const HistoryPolicy& policy, const ContextBudget& budget);

// A conversation laid out in exchanges.
struct ExchangePlan {
  struct Exchange {
    size_t begin = 0;    // index of its first message
    size_t end = 0;      // index after its last
    bool stays = false;  // pinned, among the first of KeepFirst, or the newest
  };
  size_t system = 0;  // messages of the system prompt: leading ones of role "system"
  std::vector<Exchange> exchanges;

  // `cut` (in messages after the system prompt) moved on to where an exchange begins; 0 if it lies
  // beyond the conversation, which then is another one than it was made for.
  size_t settled(size_t cut) const;
  // Cuts to choose from, the given one first, each leaving out one exchange more than the one
  // before. None is beyond the newest exchange.
  std::vector<size_t> cuts_from(size_t cut) const;
  // Indices of the messages that a cut keeps, ascending.
  std::vector<size_t> kept(size_t cut) const;
  // The exchanges that `cut` leaves out and the earlier cut `from` did not.
  std::vector<Exchange> left_out(size_t from, size_t cut) const;
};

ExchangePlan plan_exchanges(const std::vector<prompt::Message>& messages,
                            const HistoryPolicy& policy);

}  // namespace etb
