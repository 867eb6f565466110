// What the context is shared out into, and what makes an exchange.
#include "engine/history_policy.h"

#include <gtest/gtest.h>

namespace etb {
namespace {

using prompt::Message;

TEST(ContextBudget, TheAnswerGetsWhatItAskedForUpToHalfTheContext) {
  const auto reserve = [](size_t context, size_t answer) {
    return answer_reserve({.context_length = context, .max_output_tokens = answer});
  };
  EXPECT_EQ(reserve(2048, 100), 100U);
  EXPECT_EQ(reserve(2048, 1024), 1024U);
  EXPECT_EQ(reserve(2048, 1025), 1024U);
  EXPECT_EQ(reserve(2048, static_cast<size_t>(-1)), 1024U);
  EXPECT_EQ(reserve(2048, 0), 1U) << "a prompt that fills the context has no answer";
}

TEST(ContextBudget, UnaskedTheAnswerGetsAQuarterAtMost512) {
  EXPECT_EQ(answer_reserve({.context_length = 512}), 128U);
  EXPECT_EQ(answer_reserve({.context_length = 2048}), 512U);
  EXPECT_EQ(answer_reserve({.context_length = 131072}), 512U);
}

TEST(ContextBudget, PromptAndAnswerTogetherAreTheContext) {
  for (const size_t context : {0U, 1U, 2U, 3U, 77U, 2048U, 32768U}) {
    for (const size_t answer : {0U, 1U, 50U, 5000U}) {
      const ContextBudget budget{context, answer};
      EXPECT_EQ(prompt_limit(budget) + answer_reserve(budget), context);
      EXPECT_LE(summary_limit({}, budget), prompt_limit(budget));
      EXPECT_LE(summary_room({}, budget), prompt_limit(budget));
    }
  }
}

TEST(ContextBudget, ASummaryIsASixteenthOfTheContextUnlessAskedFor) {
  EXPECT_EQ(summary_limit({}, {.context_length = 2048}), 128U);
  EXPECT_EQ(summary_limit({}, {.context_length = 131072}), 256U);
  EXPECT_EQ(summary_limit({}, {.context_length = 256}), 32U);
  EXPECT_EQ(summary_limit({.summary_tokens = 90}, {.context_length = 2048}), 90U);
  EXPECT_EQ(summary_limit({.summary_tokens = 9000}, {.context_length = 2048}), 384U);
}

std::string shape(const std::vector<Message>& messages, const HistoryPolicy& policy = {}) {
  const ExchangePlan plan = plan_exchanges(messages, policy);
  std::string text = std::to_string(plan.system);
  for (const auto& e : plan.exchanges) {
    text += " " + std::to_string(e.begin) + "-" + std::to_string(e.end) + (e.stays ? "!" : "");
  }
  return text;
}

TEST(ExchangePlan, AnExchangeGoesFromOneUserMessageToTheNext) {
  EXPECT_EQ(shape({}), "0");
  EXPECT_EQ(shape({{"system", ""}}), "1");
  EXPECT_EQ(shape({{"system", ""}, {"user", ""}, {"assistant", ""}, {"user", ""}}), "1 1-3 3-4!");
  EXPECT_EQ(shape({{"user", ""},
                   {"assistant", ""},
                   {"tool", ""},
                   {"tool", ""},
                   {"assistant", ""},
                   {"user", ""}}),
            "0 0-5 5-6!");
  EXPECT_EQ(shape({{"user", ""}, {"user", ""}}), "0 0-1 1-2!") << "a question without an answer";
}

TEST(ExchangePlan, WhatComesBeforeTheFirstUserMessageIsOneByItself) {
  EXPECT_EQ(shape({{"system", ""}, {"assistant", "Hello!"}, {"user", ""}}), "1 1-2 2-3!");
}

TEST(ExchangePlan, ASystemMessageInTheMiddleBelongsToTheQuestionAfterIt) {
  EXPECT_EQ(shape({{"user", ""}, {"assistant", ""}, {"system", ""}, {"system", ""}, {"user", ""}}),
            "0 0-2 2-5!");
  // Without a question after it, to the exchange it stands in.
  EXPECT_EQ(shape({{"user", ""}, {"system", ""}, {"assistant", ""}, {"user", ""}}), "0 0-3 3-4!");
}

TEST(ExchangePlan, PinnedAndFirstOnesStay) {
  const std::vector<Message> messages = {{"user", ""}, {"assistant", ""},       {"user", ""},
                                         {"user", ""}, {"assistant", "", true}, {"user", ""}};
  EXPECT_EQ(shape(messages), "0 0-2 2-3 3-5! 5-6!");
  EXPECT_EQ(shape(messages, {.kind = HistoryKind::KeepFirst, .keep_first = 2}),
            "0 0-2! 2-3! 3-5! 5-6!");
}

TEST(HistoryKind, HasNames) {
  EXPECT_EQ(history_kind_name(HistoryKind::SlidingWindow), "sliding_window");
  EXPECT_EQ(history_kind_name(HistoryKind::MessageCount), "message_count");
  EXPECT_EQ(history_kind_name(HistoryKind::KeepFirst), "keep_first");
  EXPECT_EQ(history_kind_name(HistoryKind::Summarise), "summarise");
  EXPECT_EQ(history_kind_name(HistoryKind::Error), "error");
  EXPECT_EQ(history_kind_name(static_cast<HistoryKind>(9)), "unknown");
}

}  // namespace
}  // namespace etb
