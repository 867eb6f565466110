// Summaries: what they are asked from, how long they may get, how they are shown; and a whole chat
// with a model that summarises by counting.
#include "engine/history_summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "engine/test_history.h"

namespace etb {
namespace {

using prompt::Message;
using test::numbered;
using test::spelled;
using test::Speller;

// A context in which "numbered" conversations of ten and more exchanges do not fit.
constexpr ContextBudget kBudget{.context_length = 140, .max_output_tokens = 20};
HistoryPolicy summarise() {
  HistoryPolicy policy{.kind = HistoryKind::Summarise, .refill = 0.5, .summary_tokens = 20};
  policy.summary_prompt = "sum up";
  return policy;
}

TEST(SummaryNote, EndsTheSystemPrompt) {
  std::vector<Message> messages = {{"system", "Be brief."}, {"user", "q"}};
  add_summary_note({.text = "We met.", .covers = 2}, messages);
  EXPECT_EQ(messages[0].content, "Be brief.\n\nSummary of the conversation so far:\nWe met.");
  EXPECT_EQ(messages.size(), 2U);
}

TEST(SummaryNote, IsASystemPromptWhereThereIsNone) {
  std::vector<Message> messages = {{"user", "q"}};
  add_summary_note({.text = "We met.", .covers = 2}, messages);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[0].content, "Summary of the conversation so far:\nWe met.");
}

TEST(SummaryNote, IsNotThereWithoutASummary) {
  std::vector<Message> messages = {{"user", "q"}};
  add_summary_note({}, messages);
  EXPECT_EQ(messages.size(), 1U);
}

TEST(Summary, TheResultSaysWhatGoesIntoIt) {
  Speller speller;
  auto messages = numbered(12);
  messages[2].pinned = true;  // a0: stays, so nothing need tell about it
  const auto prompt =
      formatted_prompt_with_history(messages, summarise(), kBudget, {}, speller.format());
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->cut, 18U);
  std::vector<size_t> wanted(16);
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = i + 3;
  EXPECT_EQ(prompt->to_summarise, wanted);
}

TEST(Summary, NothingIsToBeSummarisedBeforeSomethingGoes) {
  Speller speller;
  const auto prompt =
      formatted_prompt_with_history(numbered(3), summarise(), kBudget, {}, speller.format());
  EXPECT_TRUE(prompt->to_summarise.empty());
  const auto request =
      next_summary_request(numbered(3), summarise(), kBudget, {}, speller.format());
  ASSERT_TRUE(request.ok());
  EXPECT_FALSE(request->has_value());
}

TEST(Summary, IsAskedForAfterTheVeryMessagesTheLastPromptBeganWith) {
  Speller speller;
  const auto last =
      formatted_prompt_with_history(numbered(9), summarise(), kBudget, {}, speller.format());
  const auto request =
      next_summary_request(numbered(12), summarise(), kBudget, {.cut = 6}, speller.format());
  ASSERT_TRUE(request.ok());
  EXPECT_EQ((*request)->prompt.text, "s:sys;u:q0;a:a0;u:q1;a:a1;u:q2;a:a2;u:sum up;");
  EXPECT_EQ((*request)->covers, 6U);
  EXPECT_EQ((*request)->max_output_tokens, 20U);
  const std::string shared = "s:sys;u:q0;a:a0;u:q1;a:a1;u:q2;a:a2;u:";
  EXPECT_TRUE(last->text.starts_with(shared)) << "what is in the cache already";
}

TEST(Summary, ALaterOneIsAskedForWithTheEarlierInSight) {
  Speller speller;
  const HistoryState state{.cut = 8, .summary = {.text = "earlier", .covers = 4}};
  const auto request =
      next_summary_request(numbered(12), summarise(), kBudget, state, speller.format());
  ASSERT_TRUE(request.ok());
  EXPECT_EQ((*request)->prompt.text,
            "s:sys\n\nSummary of the conversation so far:\nearlier;u:q2;a:a2;u:q3;a:a3;u:sum up;");
  const Summary summary = extended_summary(state.summary, **request, " later \n", false);
  EXPECT_EQ(summary.text, "later");
  EXPECT_EQ(summary.covers, 8U);
}

TEST(Summary, OurOwnQuestionNamesABound) {
  Speller speller;
  const auto request = next_summary_request(numbered(12), {.kind = HistoryKind::Summarise},
                                            {.context_length = 2048}, {.cut = 2}, speller.format());
  EXPECT_NE((*request)->prompt.text.find("at most 64 words"), std::string::npos)
      << (*request)->prompt.text;
}

TEST(Summary, WhatIsTooLongForOneRequestTakesSeveral) {
  const auto messages = numbered(200);
  HistoryState state{.cut = 390};
  size_t rounds = 0;
  std::string told;
  for (;; ++rounds) {
    Speller speller;
    auto request = next_summary_request(messages, summarise(), kBudget, state, speller.format());
    ASSERT_TRUE(request.ok());
    if (!request->has_value()) break;
    EXPECT_LE((*request)->prompt.ids.size() + (*request)->max_output_tokens, 140U);
    EXPECT_FALSE((*request)->clipped);
    EXPECT_LE(speller.renders, 9U);
    const std::string& text = (*request)->prompt.text;
    told += text.substr(text.find("u:q"), text.find("u:sum") - text.find("u:q"));
    ASSERT_GT((*request)->covers, state.summary.covers);
    state.summary = extended_summary(state.summary, **request, "s", false);
  }
  EXPECT_EQ(state.summary.covers, 390U);
  EXPECT_EQ(told, spelled({messages.begin() + 1, messages.begin() + 391})) << "each once, in order";
  EXPECT_LT(rounds, 60U);
}

TEST(Summary, AnExchangeLongerThanTheContextLosesItsMiddle) {
  std::string essay;
  for (int i = 0; i < 3000; ++i) essay += i < 1500 ? "é" : "ü";
  const std::vector<Message> messages = {{"user", essay}, {"assistant", "nice"}, {"user", "now"}};
  Speller speller;
  const auto request =
      next_summary_request(messages, summarise(), kBudget, {.cut = 2}, speller.format());
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE((*request)->clipped);
  EXPECT_LE((*request)->prompt.ids.size(), 120U);
  EXPECT_GE((*request)->prompt.ids.size(), 80U) << "no more is lost than need be";
  const std::string& text = (*request)->prompt.text;
  EXPECT_TRUE(text.starts_with("u:ééé"));
  EXPECT_NE(text.find("é [...] ü"), std::string::npos) << text;
  EXPECT_NE(text.find("ü;a:nice;u:sum up;"), std::string::npos) << text;
}

TEST(Summary, WithoutRoomForTheQuestionIsATypedError) {
  Speller speller;
  std::vector<Message> messages = numbered(3);
  messages[0].content = std::string(200, 's');
  const auto request =
      next_summary_request(messages, summarise(), kBudget, {.cut = 2}, speller.format());
  ASSERT_FALSE(request.ok());
  EXPECT_EQ(request.status().code(), StatusCode::ContextFull);
  EXPECT_NE(request.status().message().find("only 120 are free"), std::string::npos);
}

TEST(Summary, OneThatRanIntoItsLimitEndsWithAWholeSentence) {
  const SummaryRequest request{.prompt = {}, .max_output_tokens = 9, .covers = 4};
  const auto text = [&](std::string_view said) {
    return extended_summary({.text = "old", .covers = 2}, request, said, true).text;
  };
  EXPECT_EQ(text("Ann likes tea. Bob likes"), "Ann likes tea.");
  EXPECT_EQ(text("彼は茶が好き。彼女"), "彼は茶が好き。");
  EXPECT_EQ(text("No. This sentence never comes to its"), "No. This sentence never comes to its");
  EXPECT_EQ(text(" \n"), "old") << "it said nothing";
  EXPECT_EQ(extended_summary({}, request, "", false).covers, 4U) << "asked once, not for ever";
}

// A model that, asked to sum up, says how many questions it was told about.
std::string counting_model(const std::string& prompt) {
  size_t known = 0;
  if (const size_t at = prompt.find("far:\nQ"); at != std::string::npos) {
    known = std::stoul(prompt.substr(at + std::strlen("far:\nQ")));
  }
  for (size_t at = prompt.find("u:q"); at != std::string::npos; at = prompt.find("u:q", at + 1)) {
    ++known;
  }
  return "Q" + std::to_string(known);
}

TEST(Summary, OverALongChatTellsOfAllThatIsGone) {
  std::vector<Message> messages = {{"system", "sys"}};
  HistoryState state;
  size_t summaries = 0;
  for (size_t turn = 0; turn < 200; ++turn) {
    messages.push_back({"user", "q" + std::to_string(turn)});
    Speller speller;
    auto prompt =
        formatted_prompt_with_history(messages, summarise(), kBudget, state, speller.format());
    ASSERT_TRUE(prompt.ok());
    if (!prompt->to_summarise.empty()) {
      state.cut = prompt->cut;
      for (;;) {
        auto request =
            next_summary_request(messages, summarise(), kBudget, state, speller.format());
        ASSERT_TRUE(request.ok());
        if (!request->has_value()) break;
        ++summaries;
        state.summary = extended_summary(state.summary, **request,
                                         counting_model((*request)->prompt.text), false);
      }
      prompt =
          formatted_prompt_with_history(messages, summarise(), kBudget, state, speller.format());
      ASSERT_TRUE(prompt.ok());
      ASSERT_TRUE(prompt->to_summarise.empty());
    }
    state.cut = prompt->cut;
    // All questions are either in the prompt or counted by the note.
    ASSERT_EQ(counting_model(prompt->text), "Q" + std::to_string(turn + 1));
    messages.push_back({"assistant", "a"});
  }
  EXPECT_GE(summaries, 10U);
  EXPECT_LE(summaries, 100U) << "seldom, not at every turn";
}

}  // namespace
}  // namespace etb
