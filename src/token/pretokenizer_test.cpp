#include "token/pretokenizer.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace etb::token {
namespace {

std::vector<std::string> cut(const std::vector<SplitStep>& steps, std::string_view text,
                             PreTokenizer::Start start = {}) {
  const auto pre = PreTokenizer::create(steps);
  EXPECT_TRUE(pre.ok()) << pre.status().to_string();
  Words found;
  const Status status = pre->split(text, start, found);
  EXPECT_TRUE(status.ok()) << status.to_string();
  std::vector<std::string> out;
  for (size_t i = 0; i < found.ranges.size(); ++i) out.emplace_back(found.word(i));
  return out;
}

std::vector<std::string> words(std::string_view name, std::string_view text) {
  const auto rules = read_rules(name);
  EXPECT_TRUE(rules.ok()) << rules.status().to_string();
  const auto out = cut(rules->splits, text);
  EXPECT_EQ(std::accumulate(out.begin(), out.end(), std::string()), text) << "nothing is lost";
  return out;
}

using Texts = std::vector<std::string>;

TEST(PreTokenizer, Gpt2KeepsTheLastSpaceForTheWord) {
  EXPECT_EQ(words("gpt-2", "Hello  world"), (Texts{"Hello", " ", " world"}));
  EXPECT_EQ(words("gpt-2", "a 123b"), (Texts{"a", " 123", "b"}));
  EXPECT_EQ(words("gpt-2", "it's DON'T"), (Texts{"it", "'s", " DON", "'", "T"}));
  EXPECT_EQ(words("gpt-2", "x   "), (Texts{"x", "   "}));
}

TEST(PreTokenizer, SmollmTakesEveryDigitAloneAndDigitsEndBlanks) {
  EXPECT_EQ(words("smollm", "a 123"), (Texts{"a", " ", "1", "2", "3"}));
  EXPECT_EQ(words("smollm", "a  1"), (Texts{"a", "  ", "1"}));
  EXPECT_EQ(words("smollm", "a  b"), (Texts{"a", " ", " b"}));
  EXPECT_EQ(words("smollm", "½Ⅷ"), (Texts{"½", "Ⅷ"}));
}

TEST(PreTokenizer, Llama3TakesThreeDigitsAndLineBreaksTogether) {
  EXPECT_EQ(words("llama-bpe", "1234567"), (Texts{"123", "456", "7"}));
  EXPECT_EQ(words("llama-bpe", "x\n\n  def"), (Texts{"x", "\n\n", " ", " def"}));
  EXPECT_EQ(words("llama-bpe", "DON'T!\n"), (Texts{"DON", "'T", "!\n"}));
  EXPECT_EQ(words("llama-bpe", "a \r \t "), (Texts{"a", " \r", " \t "}));
}

TEST(PreTokenizer, Qwen2TakesDigitsAlone) {
  EXPECT_EQ(words("qwen2", "v12.5"), (Texts{"v", "1", "2", ".", "5"}));
}

TEST(PreTokenizer, O200kCutsAtCaseAndKeepsContractions) {
  EXPECT_EQ(words("gpt-4o", "camelCaseName"), (Texts{"camel", "Case", "Name"}));
  EXPECT_EQ(words("gpt-4o", "I'm HTTPServer's"), (Texts{"I'm", " HTTPServer's"}));
  EXPECT_EQ(words("gpt-4o", "a//\n/b"), (Texts{"a", "//\n/", "b"}));
}

// White_Space of Unicode, not PCRE2's \s: U+180E is no blank, U+0085 and U+3000 are.
TEST(PreTokenizer, BlanksAreUnicodesWhiteSpace) {
  EXPECT_EQ(words("gpt-2", "a\u180E\u180Eb"), (Texts{"a", "\u180E\u180E", "b"}));
  EXPECT_EQ(words("gpt-2", "a\u0085\u3000 b"), (Texts{"a", "\u0085\u3000", " b"}));
}

SplitStep literal(std::string pattern, SplitStep::Behavior behavior, bool invert = false) {
  return {SplitStep::Kind::Literal, behavior, invert, false, std::move(pattern), {}};
}

TEST(PreTokenizer, WhatBecomesOfAMatch) {
  using enum SplitStep::Behavior;
  const char* text = "the-final--countdown";
  EXPECT_EQ(cut({literal("-", Removed)}, text), (Texts{"the", "final", "countdown"}));
  EXPECT_EQ(cut({literal("-", Isolated)}, text),
            (Texts{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(cut({literal("-", MergedWithPrevious)}, text),
            (Texts{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(cut({literal("-", MergedWithNext)}, text), (Texts{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(cut({literal("-", Contiguous)}, text), (Texts{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(cut({literal("-", Removed, true)}, text), (Texts{"-", "-", "-"}));
  EXPECT_TRUE(cut({literal("-", Removed)}, "--").empty());
}

TEST(PreTokenizer, PrefixesAndReplacements) {
  using Kind = SplitStep::Kind;
  const SplitStep marks{Kind::Replace, SplitStep::Behavior::Isolated, false, false, " ", "▁"};
  SplitStep prefix{Kind::Prepend, SplitStep::Behavior::Isolated, false, false, {}, "▁"};
  const SplitStep split = literal("▁", SplitStep::Behavior::MergedWithNext);
  EXPECT_EQ(cut({marks, prefix, split}, "a b"), (Texts{"▁a", "▁b"}));
  EXPECT_EQ(cut({marks, prefix, split}, " b"), (Texts{"▁b"})) << "one is enough";
  EXPECT_EQ(cut({marks, prefix, split}, "a b", {false, true}), (Texts{"a", "▁b"}));
  prefix.first_only = true;
  EXPECT_EQ(cut({marks, prefix, split}, "a b", {true, false}), (Texts{"a", "▁b"}));
  EXPECT_EQ(cut({literal("-", SplitStep::Behavior::Removed), prefix}, "-a-b"), (Texts{"a", "b"}));
}

TEST(PreTokenizer, AnEmptyPatternIsRefused) {
  const auto pre = PreTokenizer::create({literal("", SplitStep::Behavior::Removed)});
  EXPECT_EQ(pre.status().code(), StatusCode::Unsupported);
}

// Runs that make a careless expression backtrack for ever, or a small stack overflow.
TEST(PreTokenizer, LongRunsPassInLinearTime) {
  for (const char* name : {"smollm", "gpt-2", "llama-bpe", "qwen2", "gpt-4o"}) {
    for (const char* unit : {" ", "a", "A", "-", "\n", " \t", "é", "漢", "1", "'", "aA", "\r\n "}) {
      std::string text;
      while (text.size() < 300'000) text += unit;
      const Texts got = words(name, text + "x");
      EXPECT_FALSE(got.empty()) << name << " " << unit;
    }
  }
}

}  // namespace
}  // namespace etb::token
