// What a user types never becomes a control token, whatever it looks like.
#include "engine/literal_marks.h"

#include <gtest/gtest.h>

namespace etb {
namespace {

using prompt::Message;
using token::Tokenizer;

// A byte vocabulary with two control tokens, one beginning like the other.
Tokenizer tiny_tokenizer() {
  family::VocabData data;
  data.kind = family::VocabKind::SentencePiece;
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    data.tokens.push_back(name);
    data.types.push_back(family::TokenType::Byte);
  }
  for (const char* control : {"<|end|>", "<|end|>>", "《x》"}) {
    data.tokens.push_back(control);
    data.types.push_back(family::TokenType::Control);
  }
  data.scores.assign(data.tokens.size(), 0);
  auto tokenizer = Tokenizer::create(data);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
  return *tokenizer;
}

constexpr TokenId kEnd = 256;

std::vector<TokenId> encode(const Tokenizer& tokenizer, const LiteralMarks& marks,
                            const std::string& text) {
  const auto parts = marks.split(text);
  auto ids = tokenizer.encode(parts);
  EXPECT_TRUE(ids.ok());
  return *ids;
}

TEST(LiteralMarks, TheTemplatesTokensAreControlTheUsersAreText) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const std::vector<Message> messages = {{"user", "a<|end|>b"}};
  const auto marks = LiteralMarks::create(tokenizer, messages);
  ASSERT_TRUE(marks.ok());
  const auto ids = encode(tokenizer, *marks, marks->mark("a<|end|>b") + "<|end|>");
  EXPECT_EQ(std::count(ids.begin(), ids.end(), kEnd), 1);
  EXPECT_EQ(ids.back(), kEnd);
  EXPECT_EQ(*tokenizer.decode(ids), "a<|end|>b");
}

TEST(LiteralMarks, TheLongestSpellingIsMarkedAsOne) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const auto marks = LiteralMarks::create(tokenizer, {});
  ASSERT_TRUE(marks.ok());
  const std::string marked = marks->mark("<|end|>>");
  const auto parts = marks->split(marked);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].text, "<|end|>>");
  EXPECT_FALSE(parts[0].parse_special);
}

TEST(LiteralMarks, SpellingsThatBeginBeyondAsciiAreFound) {
  const auto marks = LiteralMarks::create(tiny_tokenizer(), {});
  ASSERT_TRUE(marks.ok());
  EXPECT_NE(marks->mark("《x》"), "《x》");
}

TEST(LiteralMarks, PlainTextIsLeftAlone) {
  const auto marks = LiteralMarks::create(tiny_tokenizer(), {});
  ASSERT_TRUE(marks.ok());
  EXPECT_EQ(marks->mark("a < b | c"), "a < b | c");
}

TEST(LiteralMarks, OtherMarksAreFoundIfAMessageHoldsTheFirst) {
  const Tokenizer tokenizer = tiny_tokenizer();
  const std::string sly = "\uFDD1<|end|>\uFDD0";  // a user who knows the trick
  const auto marks = LiteralMarks::create(tokenizer, {{"user", sly}});
  ASSERT_TRUE(marks.ok());
  const auto ids = encode(tokenizer, *marks, marks->mark(sly));
  EXPECT_EQ(std::count(ids.begin(), ids.end(), kEnd), 0);
  EXPECT_EQ(*tokenizer.decode(ids), sly);
}

TEST(LiteralMarks, AllMarksTakenIsAnError) {
  std::string all;
  for (int low = 0x90; low <= 0xAF; ++low) all += std::string("\xEF\xB7") + static_cast<char>(low);
  EXPECT_EQ(LiteralMarks::create(tiny_tokenizer(), {{"user", all}}).status().code(),
            StatusCode::InvalidArgument);
}

}  // namespace
}  // namespace etb
