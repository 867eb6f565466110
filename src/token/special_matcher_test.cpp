#include "token/special_matcher.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace etb::token {
namespace {

using family::TokenType;
using family::VocabData;

std::vector<uint8_t> vocab_of(const std::vector<std::string>& control,
                              const std::vector<std::string>& user = {}) {
  VocabData data;
  data.tokens = {"a"};
  data.types = {TokenType::Normal};
  for (const std::string& text : control) {
    data.tokens.push_back(text);
    data.types.push_back(TokenType::Control);
  }
  for (const std::string& text : user) {
    data.tokens.push_back(text);
    data.types.push_back(TokenType::UserDefined);
  }
  return *family::serialize_vocab(data);
}

TEST(SpecialMatcher, TheLongestWins) {
  const auto bytes = vocab_of({"<|a|>", "<|a|>b", "<", "<|ax"});
  const auto vocab = *family::parse_vocab(bytes);
  const SpecialMatcher matcher(vocab);
  const auto id_at = [&](std::string_view text) {
    const auto match = matcher.match_at(vocab, text, 0, text.size());
    return match ? match->id : kNoToken;
  };
  EXPECT_EQ(id_at("<|a|>c"), 1u);
  EXPECT_EQ(id_at("<|a|>b"), 2u);
  EXPECT_EQ(id_at("<|a|"), 3u) << "the text ends before the longer ones do";
  EXPECT_EQ(id_at("<|ay"), 3u);
  EXPECT_EQ(id_at("a<"), kNoToken) << "only at the very place";
}

TEST(SpecialMatcher, ControlTokensOnlyUpToTheBorder) {
  const auto bytes = vocab_of({"<end>"}, {"<e", "<end>+"});
  const auto vocab = *family::parse_vocab(bytes);
  const SpecialMatcher matcher(vocab);
  EXPECT_EQ(matcher.match_at(vocab, "<end>", 0, 5)->id, 1u);
  EXPECT_EQ(matcher.match_at(vocab, "<end>", 0, 4)->id, 2u);
  EXPECT_EQ(matcher.match_at(vocab, "<end>+", 0, 0)->id, 3u) << "UserDefined ones need no leave";
  EXPECT_TRUE(matcher.may_begin('<', false));
  EXPECT_FALSE(matcher.may_begin('a', true));
}

TEST(SpecialMatcher, FindsASpellingExactly) {
  const auto bytes = vocab_of({"<s>", "<s>>"});
  const auto vocab = *family::parse_vocab(bytes);
  const SpecialMatcher matcher(vocab);
  EXPECT_EQ(matcher.find(vocab, "<s>"), 1u);
  EXPECT_EQ(matcher.find(vocab, "<s>>"), 2u);
  EXPECT_EQ(matcher.find(vocab, "<s"), kNoToken);
  EXPECT_EQ(matcher.find(vocab, "<s>x"), kNoToken);
  EXPECT_EQ(matcher.find(vocab, ""), kNoToken);
}

TEST(SpecialMatcher, AVocabularyWithoutSpecialsMatchesNothing) {
  const auto bytes = vocab_of({});
  const auto vocab = *family::parse_vocab(bytes);
  const SpecialMatcher matcher(vocab);
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_FALSE(matcher.match_at(vocab, std::string_view(&c, 1), 0, 1).has_value());
  }
}

// Against trying every token in turn, on tokens that share many beginnings (all byte values).
TEST(SpecialMatcher, EqualsTryingThemAll) {
  std::mt19937 rng(4);
  const auto random_text = [&rng](size_t most) {
    std::string text(1 + rng() % most, ' ');
    for (char& c : text) c = "\xFF\x01<a"[rng() % 4];
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> tokens;
    for (int i = 0; i < 30; ++i) tokens.push_back(random_text(6));
    const auto bytes = vocab_of(tokens);
    const auto vocab = *family::parse_vocab(bytes);
    const SpecialMatcher matcher(vocab);
    const std::string text = random_text(12);
    size_t longest = 0;
    for (const std::string& token : tokens) {
      if (text.starts_with(token)) longest = std::max(longest, token.size());
    }
    const auto match = matcher.match_at(vocab, text, 0, text.size());
    ASSERT_EQ(match ? match->end : 0, longest);
    if (match) {
      ASSERT_EQ(vocab.bytes(match->id), text.substr(0, longest));
    }
  }
}

}  // namespace
}  // namespace etb::token
