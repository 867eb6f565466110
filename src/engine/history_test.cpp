// formatted_prompt_with_history by example: what each policy keeps, what it says when nothing fits,
// and what it costs. A token a character, so every figure can be counted.
#include "engine/history.h"

#include <gtest/gtest.h>

#include "engine/test_history.h"

namespace etb {
namespace {

using prompt::Message;
using test::numbered;
using test::spelled;
using test::Speller;

// 10 positions for the answer.
ContextBudget room_for(size_t prompt_tokens) {
  return {.context_length = prompt_tokens + 10, .max_output_tokens = 10};
}

Result<FormattedPrompt> fit(const std::vector<Message>& messages, const HistoryPolicy& policy,
                            const ContextBudget& budget, const HistoryState& state = {}) {
  Speller speller;
  return formatted_prompt_with_history(messages, policy, budget, state, speller.format());
}

std::string text_of(const Result<FormattedPrompt>& prompt) {
  return prompt.ok() ? prompt->text : prompt.status().to_string();
}

TEST(History, WhatFitsStaysWhole) {
  const auto prompt = fit(numbered(2), {}, room_for(90));
  EXPECT_EQ(text_of(prompt), "s:sys;u:q0;a:a0;u:q1;a:a1;u:now;");
  EXPECT_EQ(prompt->dropped, 0U);
  EXPECT_EQ(prompt->cut, 0U);
}

TEST(History, WholeExchangesGoOldestFirstAndTheSystemPromptStays) {
  const auto prompt = fit(numbered(3), {.refill = 1}, room_for(30));
  EXPECT_EQ(text_of(prompt), "s:sys;u:q2;a:a2;u:now;");
  EXPECT_EQ(prompt->dropped, 4U);
  EXPECT_EQ(prompt->cut, 4U);
  EXPECT_EQ(prompt->kept, (std::vector<size_t>{0, 5, 6, 7}));
}

TEST(History, DropsMoreThanNeededSoThatItNeedNotDropAtEveryTurn) {
  const auto prompt = fit(numbered(9), {.refill = 0.5}, room_for(80));
  EXPECT_EQ(text_of(prompt), "s:sys;u:q7;a:a7;u:q8;a:a8;u:now;");
}

TEST(History, TheCutStaysWhereItIsUntilThePromptIsTooLongAgain) {
  const auto next = fit(numbered(9), {.refill = 0.5}, room_for(42), {.cut = 12});
  EXPECT_EQ(text_of(next), "s:sys;u:q6;a:a6;u:q7;a:a7;u:q8;a:a8;u:now;");
  EXPECT_EQ(next->cut, 12U);
  const auto after = fit(numbered(10), {.refill = 0.5}, room_for(42), {.cut = 12});
  EXPECT_EQ(text_of(after), "s:sys;u:now;") << "17 more than half of 42 with one exchange";
  EXPECT_EQ(after->cut, 20U);
}

TEST(History, TheNewestTurnAloneMayUseAllThatIsAllowed) {
  // Fits the 20 that are allowed, though not the half of it that a refill aims at.
  EXPECT_EQ(text_of(fit(numbered(4), {.refill = 0.5}, room_for(20))), "s:sys;u:now;");
}

TEST(History, AToolCallItsResultAndTheAnswerAreOneExchange) {
  const std::vector<Message> messages = {{"user", "time?"},
                                         {"assistant", "call"},
                                         {"tool", "9:30"},
                                         {"assistant", "half past nine"},
                                         {"user", "thanks"}};
  EXPECT_EQ(text_of(fit(messages, {.refill = 1}, room_for(45))), "u:thanks;");
  // The newest turn may itself be in the middle of its tool calls.
  const std::vector<Message> open = {{"user", "old"},
                                     {"assistant", "old"},
                                     {"user", "time?"},
                                     {"assistant", "call"},
                                     {"tool", "9:30"}};
  EXPECT_EQ(text_of(fit(open, {.refill = 1}, room_for(26))), "u:time?;a:call;t:9:30;");
}

TEST(History, MessageCountKeepsTheNewest) {
  const HistoryPolicy policy{.kind = HistoryKind::MessageCount, .max_messages = 5, .refill = 1};
  EXPECT_EQ(text_of(fit(numbered(2), policy, room_for(900))), "s:sys;u:q0;a:a0;u:q1;a:a1;u:now;");
  EXPECT_EQ(text_of(fit(numbered(7), policy, room_for(900))), "s:sys;u:q5;a:a5;u:q6;a:a6;u:now;");
  // A count that is no whole number of exchanges keeps fewer, but always the newest turn.
  const HistoryPolicy four{.kind = HistoryKind::MessageCount, .max_messages = 4, .refill = 1};
  EXPECT_EQ(text_of(fit(numbered(7), four, room_for(900))), "s:sys;u:q6;a:a6;u:now;");
  const HistoryPolicy none{.kind = HistoryKind::MessageCount, .max_messages = 0};
  EXPECT_EQ(text_of(fit(numbered(7), none, room_for(900))), "s:sys;u:now;");
}

TEST(History, MessageCountGoesFurtherWhereTokensAreFew) {
  const HistoryPolicy policy{.kind = HistoryKind::MessageCount, .max_messages = 5, .refill = 1};
  EXPECT_EQ(text_of(fit(numbered(7), policy, room_for(25))), "s:sys;u:q6;a:a6;u:now;");
}

TEST(History, KeepFirstLetsTheMiddleGo) {
  const HistoryPolicy policy{.kind = HistoryKind::KeepFirst, .keep_first = 1, .refill = 1};
  const auto prompt = fit(numbered(6), policy, room_for(35));
  EXPECT_EQ(text_of(prompt), "s:sys;u:q0;a:a0;u:q5;a:a5;u:now;");
  EXPECT_EQ(prompt->dropped, 8U);
  EXPECT_EQ(prompt->cut, 10U);
  EXPECT_EQ(text_of(fit(numbered(7), policy, room_for(35), {.cut = 10})),
            "s:sys;u:q0;a:a0;u:q6;a:a6;u:now;");
}

TEST(History, APinnedMessageStaysWithItsExchange) {
  std::vector<Message> messages = numbered(6);
  messages[4].pinned = true;  // a1
  for (const HistoryKind kind : {HistoryKind::SlidingWindow, HistoryKind::MessageCount}) {
    const HistoryPolicy policy{.kind = kind, .max_messages = 3, .refill = 1};
    EXPECT_EQ(text_of(fit(messages, policy, room_for(35))), "s:sys;u:q1;a:a1;u:q5;a:a5;u:now;");
  }
}

TEST(History, ErrorNeverDrops) {
  const HistoryPolicy policy{.kind = HistoryKind::Error};
  EXPECT_EQ(fit(numbered(3), policy, room_for(42))->dropped, 0U);
  const auto prompt = fit(numbered(3), policy, room_for(41));
  EXPECT_EQ(text_of(prompt),
            "ContextFull: the conversation needs 42 tokens, but of the context of 51 only 41 are "
            "free for the prompt (10 are kept for the answer): let old messages go (another "
            "history policy), begin a new conversation, or load the model with a longer context");
}

TEST(History, TooLongEvenSoIsATypedErrorWithTheNumbers) {
  const auto prompt = fit(numbered(4), {}, room_for(11));
  EXPECT_EQ(text_of(prompt),
            "ContextFull: the newest message, with the system prompt and what is pinned, needs 12 "
            "tokens, but of the context of 21 only 11 are free for the prompt (10 are kept for the "
            "answer): shorten it, ask for a shorter answer, or load the model with a longer "
            "context");
}

TEST(History, ACutBeyondTheConversationIsForgotten) {
  EXPECT_EQ(fit(numbered(2), {}, room_for(90), {.cut = 77})->dropped, 0U);
  EXPECT_EQ(fit(numbered(2), {}, room_for(90), {.cut = static_cast<size_t>(-1)})->dropped, 0U);
  EXPECT_EQ(fit({}, {}, room_for(90), {.cut = 3})->text, "");
}

TEST(History, ACutInsideAnExchangeMovesOnToItsEnd) {
  const auto prompt = fit(numbered(3), {}, room_for(90), {.cut = 3});
  EXPECT_EQ(text_of(prompt), "s:sys;u:q2;a:a2;u:now;");
  EXPECT_EQ(prompt->cut, 4U);
}

TEST(History, AFormatErrorComesThrough) {
  const FormatMessages no = [](const auto&) -> Result<FormattedPrompt> {
    return Status(StatusCode::InvalidArgument, "no");
  };
  EXPECT_EQ(formatted_prompt_with_history(numbered(1), {}, room_for(9), {}, no).status().message(),
            "no");
}

// A chat goes on for long; each turn says what it costs to find what fits.
TEST(History, RendersOnceWhereAllFitsAndAHandfulOfTimesWhereNot) {
  std::mt19937 rng(8);
  std::vector<Message> messages = {{"system", "sys"}};
  HistoryState state;
  size_t cuts = 0;
  for (int turn = 0; turn < 400; ++turn) {
    messages.push_back({"user", std::string(10 + rng() % 200, 'q')});
    Speller speller;
    const auto prompt =
        formatted_prompt_with_history(messages, {}, room_for(4000), state, speller.format());
    ASSERT_TRUE(prompt.ok());
    if (prompt->cut == state.cut) {
      EXPECT_EQ(speller.renders, 1U);
    } else {
      ++cuts;
      EXPECT_LE(speller.renders, 5U);
      EXPECT_LE(speller.characters, 5U * 4500);
    }
    state.cut = prompt->cut;
    messages.push_back({"assistant", std::string(10 + rng() % 300, 'a')});
  }
  EXPECT_GE(cuts, 10U);
  EXPECT_LE(cuts, 100U) << "hysteresis: a cut must last for several turns";
}

TEST(History, AConversationOfAnyLengthIsRenderedAFewTimesItsOwnLength) {
  std::mt19937 rng(9);
  for (const int exchanges : {1000, 4000, 16000}) {
    std::vector<Message> messages;
    for (int i = 0; i < exchanges; ++i) {
      // Rare long ones, so that bytes are a poor guide to where the cut is.
      messages.push_back({"user", std::string(rng() % (i % 50 == 0 ? 2000 : 20), 'q')});
      messages.push_back({"assistant", std::string(rng() % 20, 'a')});
    }
    messages.push_back({"user", "now"});
    const size_t whole = spelled(messages).size();
    Speller speller;
    const auto prompt =
        formatted_prompt_with_history(messages, {}, room_for(4000), {}, speller.format());
    ASSERT_TRUE(prompt.ok());
    EXPECT_LE(speller.renders, 9U);
    EXPECT_LE(speller.characters, 2 * whole);
  }
}

}  // namespace
}  // namespace etb
