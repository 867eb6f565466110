#include "engine/history_policy.h"

#include <algorithm>

namespace etb {
namespace {

using Messages = std::vector<prompt::Message>;

bool is_system(const prompt::Message& message) {
  return message.role == "system";
}

// True where an exchange begins: at a user message, or at the system messages right before it.
std::vector<bool> beginnings(const Messages& messages, size_t system) {
  std::vector<bool> begins(messages.size(), false);
  bool user_follows = false;  // after this message, past system messages only
  for (size_t i = messages.size(); i-- > system;) {
    const bool user = messages[i].role == "user";
    const bool opens = user || (is_system(messages[i]) && user_follows);
    if (opens && i + 1 < messages.size() && !user) begins[i + 1] = false;
    begins[i] = opens;
    user_follows = opens;
  }
  if (system < messages.size()) begins[system] = true;
  return begins;
}

}  // namespace

std::string_view history_kind_name(HistoryKind kind) {
  switch (kind) {
    case HistoryKind::SlidingWindow:
      return "sliding_window";
    case HistoryKind::MessageCount:
      return "message_count";
    case HistoryKind::KeepFirst:
      return "keep_first";
    case HistoryKind::Summarise:
      return "summarise";
    case HistoryKind::Error:
      return "error";
  }
  return "unknown";
}

size_t answer_reserve(const ContextBudget& budget) {
  const size_t context = budget.context_length;
  const size_t wanted = budget.max_output_tokens ? std::min(*budget.max_output_tokens, context / 2)
                                                 : std::min<size_t>(context / 4, 512);
  return std::min(context, std::max<size_t>(wanted, 1));
}

size_t prompt_limit(const ContextBudget& budget) {
  return budget.context_length - answer_reserve(budget);
}

size_t summary_limit(const HistoryPolicy& policy, const ContextBudget& budget) {
  const size_t usual = std::clamp<size_t>(budget.context_length / 16, 32, 256);
  const size_t wanted = policy.summary_tokens > 0 ? policy.summary_tokens : usual;
  return std::min(wanted, prompt_limit(budget) / 4);
}

size_t summary_room(const HistoryPolicy& policy, const ContextBudget& budget) {
  constexpr size_t kAroundIt = 16;
  return std::min(summary_limit(policy, budget) + kAroundIt, prompt_limit(budget) / 2);
}

ExchangePlan plan_exchanges(const Messages& messages, const HistoryPolicy& policy) {
  ExchangePlan plan;
  while (plan.system < messages.size() && is_system(messages[plan.system])) ++plan.system;
  const std::vector<bool> begins = beginnings(messages, plan.system);
  for (size_t i = plan.system; i < messages.size(); ++i) {
    if (begins[i]) plan.exchanges.push_back({.begin = i, .end = i, .stays = false});
    plan.exchanges.back().end = i + 1;
    if (messages[i].pinned) plan.exchanges.back().stays = true;
  }
  const size_t first = policy.kind == HistoryKind::KeepFirst ? policy.keep_first : 0;
  for (size_t i = 0; i < plan.exchanges.size(); ++i) {
    if (i < first || i + 1 == plan.exchanges.size()) plan.exchanges[i].stays = true;
  }
  return plan;
}

size_t ExchangePlan::settled(size_t cut) const {
  for (const Exchange& exchange : exchanges) {
    if (exchange.begin - system >= cut) return exchange.begin - system;
  }
  return 0;
}

std::vector<size_t> ExchangePlan::cuts_from(size_t cut) const {
  std::vector<size_t> cuts = {settled(cut)};
  for (const Exchange& exchange : exchanges) {
    if (exchange.begin - system < cuts.front() || exchange.stays) continue;
    cuts.push_back(exchange.end - system);
  }
  return cuts;
}

std::vector<size_t> ExchangePlan::kept(size_t cut) const {
  std::vector<size_t> indices;
  for (size_t i = 0; i < system; ++i) indices.push_back(i);
  for (const Exchange& exchange : exchanges) {
    if (exchange.begin - system < cut && !exchange.stays) continue;
    for (size_t i = exchange.begin; i < exchange.end; ++i) indices.push_back(i);
  }
  return indices;
}

std::vector<ExchangePlan::Exchange> ExchangePlan::left_out(size_t from, size_t cut) const {
  std::vector<Exchange> out;
  for (const Exchange& exchange : exchanges) {
    const size_t at = exchange.begin - system;
    if (!exchange.stays && at >= from && at < cut) out.push_back(exchange);
  }
  return out;
}

}  // namespace etb
