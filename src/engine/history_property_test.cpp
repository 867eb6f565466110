// What holds for every policy on every conversation: thousands of random ones, also grown turn by
// turn.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/history.h"
#include "engine/test_history.h"

namespace etb {
namespace {

using prompt::Message;
using test::Speller;

HistoryPolicy random_policy(std::mt19937& rng) {
  HistoryPolicy policy;
  policy.kind = static_cast<HistoryKind>(rng() % 5);
  policy.max_messages = rng() % 12;
  policy.keep_first = rng() % 4;
  policy.refill = static_cast<double>(rng() % 11) / 10;
  policy.summary_tokens = rng() % 3 * 10;
  return policy;
}

ContextBudget random_budget(std::mt19937& rng) {
  ContextBudget budget{.context_length = 40 + rng() % 600};
  if (rng() % 2 == 0) budget.max_output_tokens = rng() % 100;
  return budget;
}

std::vector<Message> chosen(const std::vector<Message>& messages, const std::vector<size_t>& kept) {
  std::vector<Message> result;
  for (const size_t i : kept) result.push_back(messages[i]);
  return result;
}

// Everything the header promises about one result.
void check(const std::vector<Message>& messages, const HistoryPolicy& policy,
           const ContextBudget& budget, const FormattedPrompt& prompt) {
  ASSERT_LE(prompt.ids.size(), prompt_limit(budget));
  ASSERT_TRUE(std::is_sorted(prompt.kept.begin(), prompt.kept.end(), std::less_equal<>()));
  ASSERT_EQ(prompt.kept.size() + prompt.dropped, messages.size());
  ASSERT_EQ(prompt.text, test::spelled(chosen(messages, prompt.kept)));
  const std::set<size_t> kept(prompt.kept.begin(), prompt.kept.end());
  // System prompt, newest turn and pinned messages stay.
  size_t newest = messages.size() - 1;
  while (messages[newest].role != "user") --newest;
  size_t system = 0;
  while (messages[system].role == "system") ++system;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i < system || i >= newest || messages[i].pinned) {
      ASSERT_TRUE(kept.contains(i)) << i;
    }
  }
  // Exchanges are whole: what is no user message has the fate of the one before it.
  for (size_t i = system + 1; i < messages.size(); ++i) {
    const bool inside = messages[i].role == "assistant" || messages[i].role == "tool";
    if (inside) {
      ASSERT_EQ(kept.contains(i), kept.contains(i - 1)) << i;
    }
  }
  if (policy.kind == HistoryKind::Error) {
    ASSERT_EQ(prompt.dropped, 0U);
  }
  if (policy.kind != HistoryKind::Summarise) {
    ASSERT_TRUE(prompt.to_summarise.empty());
  } else if (!prompt.to_summarise.empty()) {
    ASSERT_LE(prompt.ids.size() + summary_room(policy, budget), prompt_limit(budget));
  }
  for (const size_t i : prompt.to_summarise) ASSERT_FALSE(kept.contains(i));
}

// The first cut that is short enough, tried one by one: what the search must find.
size_t plain_cut(const std::vector<Message>& messages, const HistoryPolicy& policy, size_t limit) {
  const ExchangePlan plan = plan_exchanges(messages, policy);
  const auto cuts = plan.cuts_from(0);
  for (const size_t cut : cuts) {
    if (test::spelled(chosen(messages, plan.kept(cut))).size() <= limit) return cut;
  }
  return cuts.back();
}

TEST(HistoryProperties, HoldForAnyConversationPolicyAndBudget) {
  std::mt19937 rng(5);
  int fitted = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto messages = test::random_conversation(rng);
    const HistoryPolicy policy = random_policy(rng);
    const ContextBudget budget = random_budget(rng);
    Speller speller;
    const auto prompt =
        formatted_prompt_with_history(messages, policy, budget, {}, speller.format());
    const auto& exchanges = plan_exchanges(messages, policy).exchanges;
    if (!prompt.ok()) {
      ASSERT_EQ(prompt.status().code(), StatusCode::ContextFull);
      const bool error = policy.kind == HistoryKind::Error;
      const auto least =
          plan_exchanges(messages, policy)
              .kept(error ? 0 : exchanges.back().begin - plan_exchanges(messages, policy).system);
      ASSERT_GT(test::spelled(chosen(messages, least)).size(), prompt_limit(budget));
      continue;
    }
    ++fitted;
    check(messages, policy, budget, *prompt);
    if (HasFatalFailure()) FAIL() << "round " << round;
    // Again with the cut it gave: the same prompt, found at once.
    Speller again;
    const auto same = formatted_prompt_with_history(messages, policy, budget, {.cut = prompt->cut},
                                                    again.format());
    ASSERT_EQ(same->text, prompt->text);
    ASSERT_EQ(same->cut, prompt->cut);
    ASSERT_EQ(again.renders, 1U);
  }
  EXPECT_GT(fitted, 2000);
}

TEST(HistoryProperties, TheSearchFindsTheFirstCutThatFits) {
  std::mt19937 rng(6);
  for (int round = 0; round < 2000; ++round) {
    const auto messages = test::random_conversation(rng);
    const HistoryPolicy policy{
        .kind = HistoryKind::KeepFirst, .keep_first = rng() % 2, .refill = 1};
    const ContextBudget budget = random_budget(rng);
    Speller speller;
    const auto prompt =
        formatted_prompt_with_history(messages, policy, budget, {}, speller.format());
    if (!prompt.ok()) continue;
    ASSERT_EQ(prompt->cut, plain_cut(messages, policy, prompt_limit(budget))) << round;
  }
}

TEST(HistoryProperties, FromTurnToTurnTheCutOnlyMovesOnAndSeldom) {
  std::mt19937 rng(7);
  for (int round = 0; round < 200; ++round) {
    HistoryPolicy policy = random_policy(rng);
    policy.refill = 0.5;
    policy.max_messages = 20;
    const ContextBudget budget{.context_length = 900, .max_output_tokens = 100};
    std::vector<Message> messages = {{"system", "s"}};
    HistoryState state;
    int moves = 0;
    for (int turn = 0; turn < 60; ++turn) {
      test::add_exchange(rng, messages);
      for (Message& m : messages) m.pinned = false;
      std::vector<Message> asked = messages;
      asked.push_back({"user", "next"});
      Speller speller;
      const auto prompt =
          formatted_prompt_with_history(asked, policy, budget, state, speller.format());
      if (policy.kind == HistoryKind::Error && !prompt.ok()) break;
      ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
      check(asked, policy, budget, *prompt);
      if (HasFatalFailure()) FAIL() << "round " << round << ", turn " << turn;
      ASSERT_GE(prompt->cut, state.cut);
      if (prompt->cut != state.cut) ++moves;
      state.cut = prompt->cut;
    }
    ASSERT_LE(moves, 15) << history_kind_name(policy.kind);
  }
}

}  // namespace
}  // namespace etb
