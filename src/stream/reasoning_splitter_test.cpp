// Reasoning apart from text: where it may stand, what is held back, and that no split changes it.
#include "stream/reasoning_splitter.h"

#include <gtest/gtest.h>

#include <random>

#include "stream/test_stream.h"
#include "stream/text_stream.h"

namespace etb::stream {
namespace {

using Parts = ReasoningSplitter::Parts;

const ReasoningTags kThink{.open = "<think>", .close = "</think>"};
const ReasoningTags kOpened{.open = "<think>", .close = "</think>", .starts_inside = true};

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// By the definition, of the whole text at once.
Parts by_definition(const std::string& answer, const ReasoningTags& tags) {
  const size_t first = std::min(answer.find_first_not_of(" \t\r\n"), answer.size());
  size_t begin = 0;
  if (!tags.starts_inside) {
    if (answer.compare(first, tags.open.size(), tags.open) != 0) return {"", answer};
    begin = first + tags.open.size();
  }
  const size_t close = answer.find(tags.close, begin);
  if (close == std::string::npos) return {trimmed(answer.substr(begin)), ""};
  const std::string rest = answer.substr(close + tags.close.size());
  const size_t gap = std::min(rest.find_first_not_of(" \t\r\n"), rest.size());
  return {trimmed(answer.substr(begin, close - begin)), rest.substr(gap)};
}

Parts split(const std::vector<std::string>& pieces, const ReasoningTags& tags) {
  ReasoningSplitter splitter(tags);
  Parts all;
  const auto add = [&all](const Parts& parts) {
    all.reasoning += parts.reasoning;
    all.text += parts.text;
  };
  for (const std::string& piece : pieces) add(splitter.push(piece));
  add(splitter.finish());
  return all;
}

TEST(ReasoningSplitter, PartsWhatIsThoughtFromWhatIsSaid) {
  const Parts parts = split({"<think>\nHm, well.\n</think>\n\nFour. "}, kThink);
  EXPECT_EQ(parts.reasoning, "Hm, well.");
  EXPECT_EQ(parts.text, "Four. ");
}

TEST(ReasoningSplitter, BeginsInsideIfThePromptHasOpenedIt) {
  const Parts parts = split({"Hm", "</think>", "Four."}, kOpened);
  EXPECT_EQ(parts.reasoning, "Hm");
  EXPECT_EQ(parts.text, "Four.");
}

TEST(ReasoningSplitter, TagsLaterInTheTextAreText) {
  const std::string said = "A <think> tag opens, </think> closes.";
  EXPECT_EQ(split({said}, kThink).text, said);
  EXPECT_EQ(split({"<think>x</think>", said}, kThink).text, said);
  EXPECT_EQ(split({"<think>x</think>y"}, {}).text, "<think>x</think>y") << "a model without tags";
}

TEST(ReasoningSplitter, TextWaitsForNoTagThatCannotCome) {
  ReasoningSplitter splitter(kThink);
  EXPECT_EQ(splitter.push("\n<t").text, "");
  EXPECT_EQ(splitter.push("able>").text, "\n<table>");
  EXPECT_EQ(splitter.push("<think").text, "<think") << "it is too late for one";
}

TEST(ReasoningSplitter, ReasoningWaitsForItsEndAlone) {
  ReasoningSplitter splitter(kOpened);
  EXPECT_EQ(splitter.push("\n One, ").reasoning, "One,");
  EXPECT_EQ(splitter.push("two</th").reasoning, " two");
  EXPECT_EQ(splitter.push("ree").reasoning, "</three");
  EXPECT_TRUE(splitter.inside());
  EXPECT_EQ(splitter.push("\n</think>").reasoning, "");
  EXPECT_FALSE(splitter.inside());
}

TEST(ReasoningSplitter, WhatNeverEndsLeavesAtTheEnd) {
  EXPECT_EQ(split({"<think>Hm </th"}, kThink).reasoning, "Hm </th");
  EXPECT_EQ(split({"  <thi"}, kThink).text, "  <thi");
  EXPECT_EQ(split({" \n"}, kThink).text, " \n");
}

TEST(ReasoningSplitter, NoSplitChangesWhatComesOut) {
  const std::vector<std::string> parts = {"<think>", "</think>", "<",      "</", "think",
                                          ">",       "\n",       " ",      "a",  "Hm.",
                                          "é",       "<think",   "</think"};
  std::mt19937 dice(3);
  const auto roll = [&dice](size_t sides) { return static_cast<size_t>(dice() % sides); };
  size_t reasoned = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string answer;
    if (roll(2) == 0) answer = "<think>";
    for (size_t i = roll(10); i > 0; --i) answer += parts[roll(parts.size())];
    const ReasoningTags& tags = roll(3) == 0 ? kOpened : kThink;
    std::vector<std::string> pieces;
    for (size_t at = 0; at < answer.size();) {
      pieces.push_back(answer.substr(at, 1 + roll(4)));
      at += pieces.back().size();
    }
    const Parts expected = by_definition(answer, tags);
    const Parts given = split(pieces, tags);
    ASSERT_EQ(given.reasoning, expected.reasoning) << answer;
    ASSERT_EQ(given.text, expected.text) << answer;
    reasoned += expected.reasoning.empty() ? 0 : 1;
  }
  EXPECT_GT(reasoned, 5000u);
}

TEST(TextStream, SendsReasoningOffBeforeTheText) {
  FakeClock clock;
  std::vector<std::string> sent;
  TextStream stream(
      {.batch = {.tokens = 3},
       .reasoning = kThink,
       .on_reasoning = [&](std::string_view s) { sent.push_back("R:" + std::string(s)); }},
      clock, [&](std::string_view s) { sent.push_back("T:" + std::string(s)); });
  std::vector<bool> reasons;
  for (const char* token : {"<think>", "\n", "a", "b", "</think>", "\n\n", "Yes", "."}) {
    EXPECT_FALSE(stream.push(token));
    reasons.push_back(stream.reasons());
  }
  stream.finish();
  EXPECT_EQ(sent, (std::vector<std::string>{"R:a", "R:b", "T:Yes."}));
  EXPECT_EQ(reasons, (std::vector<bool>{true, true, true, true, true, false, false, false}));
  EXPECT_EQ(stream.reasoning(), "ab");
  EXPECT_EQ(stream.text(), "Yes.");
}

}  // namespace
}  // namespace etb::stream
