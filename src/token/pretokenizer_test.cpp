#include "token/pretokenizer.h"

#include <gtest/gtest.h>

#include <string>

namespace etb::token {
namespace {

std::vector<std::string> words(std::string_view name, std::string_view text) {
  const auto pre = PreTokenizer::create(name);
  EXPECT_TRUE(pre.ok()) << pre.status().to_string();
  std::vector<uint32_t> ends;
  const Status status = pre->split(text, ends);
  EXPECT_TRUE(status.ok()) << status.to_string();
  std::vector<std::string> out;
  size_t begin = 0;
  for (const uint32_t end : ends) {
    out.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  EXPECT_EQ(begin, text.size());
  return out;
}

using Words = std::vector<std::string>;

TEST(PreTokenizer, Gpt2KeepsTheLastSpaceForTheWord) {
  EXPECT_EQ(words("gpt-2", "Hello  world"), (Words{"Hello", " ", " world"}));
  EXPECT_EQ(words("gpt-2", "a 123b"), (Words{"a", " 123", "b"}));
  EXPECT_EQ(words("gpt-2", "it's DON'T"), (Words{"it", "'s", " DON", "'", "T"}));
  EXPECT_EQ(words("gpt-2", "x   "), (Words{"x", "   "}));
}

TEST(PreTokenizer, SmollmTakesEveryDigitAloneAndDigitsEndBlanks) {
  EXPECT_EQ(words("smollm", "a 123"), (Words{"a", " ", "1", "2", "3"}));
  EXPECT_EQ(words("smollm", "a  1"), (Words{"a", "  ", "1"}));
  EXPECT_EQ(words("smollm", "a  b"), (Words{"a", " ", " b"}));
  EXPECT_EQ(words("smollm", "½Ⅷ"), (Words{"½", "Ⅷ"}));
}

TEST(PreTokenizer, Llama3TakesThreeDigitsAndLineBreaksTogether) {
  EXPECT_EQ(words("llama-bpe", "1234567"), (Words{"123", "456", "7"}));
  EXPECT_EQ(words("llama-bpe", "x\n\n  def"), (Words{"x", "\n\n", " ", " def"}));
  EXPECT_EQ(words("llama-bpe", "DON'T!\n"), (Words{"DON", "'T", "!\n"}));
  EXPECT_EQ(words("llama-bpe", "a \r \t "), (Words{"a", " \r", " \t "}));
}

TEST(PreTokenizer, Qwen2TakesDigitsAlone) {
  EXPECT_EQ(words("qwen2", "v12.5"), (Words{"v", "1", "2", ".", "5"}));
}

TEST(PreTokenizer, O200kCutsAtCaseAndKeepsContractions) {
  EXPECT_EQ(words("gpt-4o", "camelCaseName"), (Words{"camel", "Case", "Name"}));
  EXPECT_EQ(words("gpt-4o", "I'm HTTPServer's"), (Words{"I'm", " HTTPServer's"}));
  EXPECT_EQ(words("gpt-4o", "a//\n/b"), (Words{"a", "//\n/", "b"}));
}

// White_Space of Unicode, not PCRE2's \s: U+180E is no blank, U+0085 and U+3000 are.
TEST(PreTokenizer, BlanksAreUnicodesWhiteSpace) {
  EXPECT_EQ(words("gpt-2", "a\u180E\u180Eb"), (Words{"a", "\u180E\u180E", "b"}));
  EXPECT_EQ(words("gpt-2", "a\u0085\u3000 b"), (Words{"a", "\u0085\u3000", " b"}));
}

TEST(PreTokenizer, KnowsWhatBelongsToTheName) {
  EXPECT_TRUE(PreTokenizer::create("llama-bpe")->ignore_merges());
  EXPECT_FALSE(PreTokenizer::create("smollm")->ignore_merges());
  EXPECT_FALSE(PreTokenizer::create("dbrx")->ignore_merges());
  EXPECT_TRUE(PreTokenizer::create("qwen2")->normalizes());
  EXPECT_FALSE(PreTokenizer::create("gpt-4o")->normalizes());
}

TEST(PreTokenizer, AnUnknownNameIsNamedBesideTheKnownOnes) {
  const auto pre = PreTokenizer::create("starcoder-9");
  ASSERT_EQ(pre.status().code(), StatusCode::Unsupported);
  for (const char* name : {"'starcoder-9'", "smollm", "llama-bpe", "gpt-2", "qwen2", "gpt-4o"}) {
    EXPECT_NE(pre.status().message().find(name), std::string_view::npos) << name;
  }
}

// Runs that make a careless expression backtrack for ever, or a small stack overflow.
TEST(PreTokenizer, LongRunsPassInLinearTime) {
  for (const char* name : {"smollm", "gpt-2", "llama-bpe", "qwen2", "gpt-4o"}) {
    for (const char* unit : {" ", "a", "A", "-", "\n", " \t", "é", "漢", "1", "'", "aA", "\r\n "}) {
      std::string text;
      while (text.size() < 300'000) text += unit;
      const Words got = words(name, text + "x");
      EXPECT_FALSE(got.empty()) << name << " " << unit;
    }
  }
}

}  // namespace
}  // namespace etb::token
