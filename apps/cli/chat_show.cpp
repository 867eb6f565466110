// What the commands of `etbridge chat` show: statistics, memory, the messages. On stderr.
#include <algorithm>
#include <cstdio>
#include <string>

#include "base/text.h"
#include "chat.h"
#include "engine/history_policy.h"
#include "engine/measure.h"
#include "engine/memory_plan.h"

namespace etb::cli {
namespace {

constexpr size_t kShown = 100;  // bytes of a message in a list

struct Line {
  const char* what;
  std::string text;
};

template <class... Arguments>
std::string format(const char* how, Arguments... arguments) {
  char text[512];
  const int length = std::snprintf(text, sizeof text, how, arguments...);
  return {text, std::min(static_cast<size_t>(std::max(length, 0)), sizeof text - 1)};
}

void print(const Line& line) {
  std::fprintf(stderr, "%-13s %s\n", line.what, line.text.c_str());
}

double percent(size_t part, size_t whole) {
  return whole > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

// "20 tokens guessed ahead, 12 of them right (60 %)".
std::string guesses(size_t accepted, size_t drafted) {
  if (drafted == 0) return "none";
  return format("%zu tokens guessed ahead, %zu of them right (%.0f %%)", drafted, accepted,
                percent(accepted, drafted));
}

// One line of at most kShown bytes, cut between characters; what moves a cursor is left out.
std::string shortened(const std::string& text) {
  std::string line = text.substr(0, kShown);
  if (text.size() > kShown) {
    while (!line.empty() && (text[line.size()] & 0xC0) == 0x80) line.pop_back();
    line += "...";
  }
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return line;
}

// An answer that calls, or a tool's result: what stands beside its text.
std::string tool_calls_of(const prompt::Message& message) {
  return message.role == "assistant" && !message.fields.empty() ? concat(" ", message.fields) : "";
}

const char* who(const prompt::Message& message) {
  if (message.role == "user") return "you";
  return message.role == "assistant" ? "model" : message.role.c_str();
}

}  // namespace

Result<size_t> user_message(const std::vector<prompt::Message>& messages, size_t number) {
  size_t count = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == "user" && ++count == number) return i;
  }
  if (count == 0) return Status(StatusCode::InvalidArgument, "you have said nothing yet");
  return Status(StatusCode::InvalidArgument,
                concat("you have no message ", number, ": /history shows 1 to ", count));
}

void show_answer(const Answer& answer, int max_tokens) {
  const bool stopped = answer.finish_reason == FinishReason::Cancelled;
  if (stopped && answer.ids.empty()) return note("stopped before the first word: nothing is kept");
  const char* how = stopped ? "; stopped" : "";
  if (answer.finish_reason == FinishReason::Length) {
    const bool asked = max_tokens >= 0 && answer.ids.size() >= static_cast<size_t>(max_tokens);
    how = asked ? "; cut off by -n" : "; cut off: the context is full";
  }
  note(
      format("%zu tokens, %.1f tokens/s; prompt %zu, of it %zu cached; first token after %.0f ms%s",
             answer.ids.size(), answer.decode_tps, answer.prompt_tokens, answer.cached_tokens,
             answer.ttft_ms, how));
}

void show_stats(const Chat& chat) {
  if (chat.last) {
    const Answer& last = *chat.last;
    print({"last answer", format("%zu tokens, %.1f tokens/s (%s)", last.ids.size(), last.decode_tps,
                                 std::string(finish_reason_name(last.finish_reason)).c_str())});
    print({"  prompt", format("%zu tokens, %zu of them cached, the others at %.1f tokens/s",
                              last.prompt_tokens, last.cached_tokens, last.prefill_tps)});
    print({"  first token",
           format("after %.1f ms, %.1f of them in the queue", last.ttft_ms, last.queue_ms)});
    print({"  guesses", guesses(last.accepted_tokens, last.drafted_tokens)});
    if (last.reasoning_tokens > 0) {
      print({"  reasoning", format("%zu of its tokens, %.1f s", last.reasoning_tokens,
                                   last.reasoning_ms / 1000.0)});
    }
  }
  const Totals& all = chat.totals;
  print({"this chat", format("%zu answers, %zu tokens", all.answers, all.generated_tokens)});
  print({"  prompts", format("%zu tokens, %zu of them cached (%.0f %%)", all.prompt_tokens,
                             all.cached_tokens, percent(all.cached_tokens, all.prompt_tokens))});
  print({"  guesses", guesses(all.accepted_tokens, all.drafted_tokens)});
}

void show_memory(const Chat& chat) {
  const SessionUse use = chat.session().use();
  const PoolUse pool = chat.engine->scheduler().use().pool;
  const MemoryUse process = PeakMemory().read();
  print({"footprint", format("%.1f MiB dirty; at its peak %.1f MiB with the mapped weights",
                             mib(process.footprint_bytes), mib(process.peak_rss_bytes))});
  print({"conversation", format("%u of %u positions, keys and values %.1f MiB", use.positions,
                                use.context, mib(use.kv_bytes))});
  print({"all", format("%zu conversations in memory with %.1f MiB, prefix store %.1f MiB",
                       pool.sequences, mib(pool.kv_bytes), mib(pool.prefix_bytes))});
  const auto model = chat.engine->model();
  if (!model) return print({"model", "not in memory; the next message loads it again"});
  const MemoryPlan& plan = model->memory;
  print({"estimate",
         format("%.1f MiB mapped, %.1f MiB beside it with a full context of %u",
                mib(plan.estimate.clean_bytes), mib(plan.estimate.dirty_bytes), plan.context)});
  const auto now = plan_memory(model->bundle, plan.context, {.enforce = false});
  print({"budget", now.ok() ? now->budget.dirty_reason : plan.budget.dirty_reason});
  const bool shrunk = use.context < plan.context;
  print({"context",
         format("%u%s: %s", use.context,
                shrunk ? concat(" while memory is short, else ", plan.context).c_str() : "",
                plan.reasoning.c_str())});
}

Status show_history(const Chat& chat, std::optional<size_t> number) {
  const auto messages = chat.session().messages();
  if (messages.empty()) note("nothing has been said yet");
  size_t first = 0;
  if (number) {
    ETB_ASSIGN_OR_RETURN(first, user_message(messages, *number));
  }
  const std::vector<size_t> kept = plan_exchanges(messages, chat.session_options.history)
                                       .kept(chat.session().dropped_messages());
  size_t count = number ? *number - 1 : 0;
  for (size_t i = first; i < messages.size(); ++i) {
    const prompt::Message& message = messages[i];
    const bool mine = message.role == "user";
    if (number && mine && i > first) break;
    const bool out = !std::binary_search(kept.begin(), kept.end(), i);
    const std::string said = message.content + tool_calls_of(message);
    std::fprintf(stderr, "%3s %-7s %s%s%s\n", mine ? std::to_string(++count).c_str() : "",
                 who(message), number ? said.c_str() : shortened(said).c_str(),
                 message.pinned ? " (pinned)" : "", out ? " (left out of the context)" : "");
  }
  return {};
}

}  // namespace etb::cli
