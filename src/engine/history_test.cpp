// formatted_prompt_with_history as a pure function: a token a character, so every figure can be
// counted.
#include "engine/history.h"

#include <gtest/gtest.h>

#include <random>

namespace etb {
namespace {

using prompt::Message;

// "role:content;" for each message, one id a character.
Result<FormattedPrompt> spell(const std::vector<Message>& messages) {
  FormattedPrompt prompt;
  for (const Message& m : messages) prompt.text += m.role.substr(0, 1) + ":" + m.content + ";";
  prompt.ids.assign(prompt.text.begin(), prompt.text.end());
  return prompt;
}

std::vector<Message> conversation(int exchanges) {
  std::vector<Message> messages = {{"system", "sys"}};
  for (int i = 0; i < exchanges; ++i) {
    messages.push_back({"user", "q" + std::to_string(i)});
    messages.push_back({"assistant", "a" + std::to_string(i)});
  }
  messages.push_back({"user", "now"});
  return messages;
}

TEST(History, WhatFitsStaysWhole) {
  const auto prompt =
      formatted_prompt_with_history(conversation(2), {.context = 100, .reserve = 10}, spell);
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->text, "s:sys;u:q0;a:a0;u:q1;a:a1;u:now;");
  EXPECT_EQ(prompt->dropped, 0u);
}

TEST(History, WholeExchangesGoOldestFirstAndTheSystemPromptStays) {
  const auto prompt = formatted_prompt_with_history(
      conversation(3), {.context = 35, .reserve = 5, .refill = 1.0}, spell);
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->text, "s:sys;u:q2;a:a2;u:now;");
  EXPECT_EQ(prompt->dropped, 4u);
}

TEST(History, DropsMoreThanNeededSoThatItNeedNotDropAtEveryTurn) {
  const auto prompt = formatted_prompt_with_history(
      conversation(9), {.context = 100, .reserve = 0, .refill = 0.5}, spell);
  ASSERT_TRUE(prompt.ok());
  EXPECT_LE(prompt->ids.size(), 50u);
}

TEST(History, TheNewestTurnAloneMayUseAllThatIsAllowed) {
  // Fits the 20 that are allowed, though not the half of it that a refill aims at.
  const auto prompt = formatted_prompt_with_history(
      conversation(4), {.context = 20, .reserve = 0, .refill = 0.5}, spell);
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->text, "s:sys;u:now;");
}

TEST(History, TooLongEvenSoIsATypedErrorWithTheNumbers) {
  const auto prompt =
      formatted_prompt_with_history(conversation(4), {.context = 15, .reserve = 5}, spell);
  ASSERT_FALSE(prompt.ok());
  EXPECT_EQ(prompt.status().code(), StatusCode::ContextFull);
  EXPECT_NE(prompt.status().message().find("12 tokens"), std::string::npos)
      << prompt.status().message();
}

TEST(History, AFormatErrorComesThrough) {
  const auto prompt = formatted_prompt_with_history(
      conversation(1), {.context = 100, .reserve = 0}, [](const auto&) -> Result<FormattedPrompt> {
        return Status(StatusCode::InvalidArgument, "no");
      });
  EXPECT_EQ(prompt.status().message(), "no");
}

TEST(History, WhateverTheConversationTheResultFitsAndIsASuffixOfWholeExchanges) {
  std::mt19937 rng(5);
  for (int round = 0; round < 500; ++round) {
    std::vector<Message> messages = {{"system", "s"}};
    for (int i = static_cast<int>(rng() % 12); i >= 0; --i) {
      messages.push_back({"user", std::string(rng() % 20, 'x')});
      if (i > 0) messages.push_back({"assistant", std::string(rng() % 20, 'y')});
    }
    const HistoryBudget budget{.context = 30 + rng() % 100, .reserve = rng() % 20};
    const auto prompt = formatted_prompt_with_history(messages, budget, spell);
    if (!prompt.ok()) {
      EXPECT_GT(messages.back().content.size() + 7, budget.context - budget.reserve);
      continue;
    }
    EXPECT_LE(prompt->ids.size(), budget.context - budget.reserve);
    std::vector<Message> kept = {messages[0]};
    kept.insert(kept.end(), messages.begin() + 1 + static_cast<ptrdiff_t>(prompt->dropped),
                messages.end());
    EXPECT_EQ(kept[1].role, "user");
    EXPECT_EQ(prompt->text, spell(kept)->text);
  }
}

}  // namespace
}  // namespace etb
