// Rules as data, their names and stored form; and the expressions in them.
#include "token/text_rules.h"

#include <gtest/gtest.h>

#include "token/regex.h"

namespace etb::token {
namespace {

TextRules every_field() {
  TextRules rules;
  rules.normalizers = {{NormalizeStep::Kind::Replace, " ", "▁", false, false},
                       {NormalizeStep::Kind::Strip, {}, {}, true, false},
                       {NormalizeStep::Kind::CharsMap, std::string("\0\1", 2), {}, false, false}};
  rules.splits = {{SplitStep::Kind::Regex, SplitStep::Behavior::Contiguous, true, false, "a+", {}},
                  {SplitStep::Kind::Prepend, SplitStep::Behavior::Isolated, false, true, {}, "▁"}};
  rules.tokens = {{7, "<t>", false, true, true}, {8, "<u>", true, false, false}};
  rules.separate_unknown = rules.single_sums = true;
  return rules;
}

TEST(TextRules, TheStoredFormKeepsEverything) {
  const auto read = read_rules(write_rules(every_field()));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(*read, every_field());
}

TEST(TextRules, WellKnownRulesHaveNames) {
  for (const char* name : {"smollm", "llama-bpe", "gpt-2", "qwen2", "gpt-4o", "dbrx"}) {
    EXPECT_EQ(write_rules(*read_rules(name)), name);
  }
  EXPECT_TRUE(read_rules("llama3")->ignore_merges);
  EXPECT_FALSE(read_rules("dbrx")->ignore_merges);
  EXPECT_EQ(read_rules("qwen2")->normalizers.size(), 1u);
  TextRules other = *read_rules("gpt-4o");  // as its tokenizer.json has it
  other.splits[0].behavior = SplitStep::Behavior::Removed;
  other.splits[0].invert = true;
  EXPECT_EQ(write_rules(other), "gpt-4o");
  other.splits[0].invert = false;
  EXPECT_NE(write_rules(other), "gpt-4o");
}

TEST(TextRules, AnUnknownNameIsNamedBesideTheKnownOnes) {
  const auto rules = read_rules("starcoder-9");
  ASSERT_EQ(rules.status().code(), StatusCode::Unsupported);
  for (const char* name : {"'starcoder-9'", "smollm", "llama-bpe", "gpt-2", "qwen2", "gpt-4o"}) {
    EXPECT_NE(rules.status().message().find(name), std::string_view::npos) << name;
  }
}

TEST(TextRules, ABrokenStoredFormIsRefused) {
  const std::string stored = write_rules(every_field());
  for (size_t length = 1; length < stored.size(); ++length) {
    EXPECT_EQ(read_rules(stored.substr(0, length)).status().code(), StatusCode::Corrupt) << length;
  }
  EXPECT_EQ(read_rules(stored + "x").status().code(), StatusCode::Corrupt);
  for (size_t i = 0; i < stored.size(); ++i) {
    std::string damaged = stored;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x80);
    (void)read_rules(damaged);
  }
}

TEST(Regex, SpacesAndWordsAreUnicodes) {
  EXPECT_NE(to_pcre2(R"(\s)")->find("x{3000}"), std::string::npos);
  EXPECT_EQ(*to_pcre2(R"([^\S\r])"), R"([^\P{White_Space}\r])");
  EXPECT_EQ(*to_pcre2(R"((a)\p{L}\u00e9\x41{2,3}\[)"), R"((?:a)\p{L}\x{00e9}\x{41}{2,3}\[)");
}

TEST(Regex, WhatTheLibrariesDisagreeAboutIsRefusedByName) {
  for (const char* pattern : {R"(\h)", R"(a\b)", R"((?<name>a))", R"([a&&b])", R"([a[b]])",
                              R"((a)\1)", "a{,3}", "a{2}+", R"(\K)", R"([]a])", R"([\W])", "\\"}) {
    const auto translated = to_pcre2(pattern);
    EXPECT_EQ(translated.status().code(), StatusCode::Unsupported) << pattern;
  }
  EXPECT_NE(to_pcre2(R"(ab\h)").status().message().find(R"('\h' at offset 2)"), std::string::npos);
}

TEST(Regex, ABadExpressionIsRefused) {
  for (const char* pattern : {"(", "a*", "x|", "[a", R"(\p{Nonsense})", "", "\xFF"}) {
    EXPECT_EQ(Regex::compile(pattern).status().code(), StatusCode::Unsupported) << pattern;
  }
  EXPECT_FALSE(Regex::compile(std::string(20'000, 'a')).ok());
}

TEST(Regex, ATextThatMakesItBacktrackForEverIsAnError) {
  const Regex regex = *Regex::compile("(a+)+$");
  Regex::Search search(regex);
  const std::string text = std::string(60, 'a') + "b";
  search.set_text(text);
  EXPECT_EQ(search.next(0).status().code(), StatusCode::InvalidArgument);
}

}  // namespace
}  // namespace etb::token
