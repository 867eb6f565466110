// Conversations as data: the changes people make, and the bytes that keep them.
#include "engine/conversation.h"

#include <gtest/gtest.h>

#include "engine/conversation_codec.h"

namespace etb {
namespace {

Conversation talk() {
  Conversation c;
  c.system = "Be brief.";
  c.messages = {
      {.role = "system", .content = "Be brief."},
      {.role = "user", .content = "One"},
      {.role = "assistant", .content = "1", .reasoning = "One is 1.", .fields = R"({"x": 1})"},
      {.role = "user", .content = "Two", .pinned = true},
      {.role = "assistant", .content = "2 \xF0\x9F\x98\x80"}};
  c.history = {.cut = 2, .summary = {.text = "They counted.", .covers = 2}};
  c.began = 1'795'435'200;
  c.transcript = {.text = "|system|Be brief.", .ids = {1, 2, 3}, .marks = {{3, 10, 2}, {5, 17, 3}}};
  return c;
}

bool same(const Conversation& a, const Conversation& b) {
  if (a.messages.size() != b.messages.size()) return false;
  for (size_t i = 0; i < a.messages.size(); ++i) {
    if (a.messages[i].role != b.messages[i].role || a.messages[i].pinned != b.messages[i].pinned ||
        a.messages[i].content != b.messages[i].content ||
        a.messages[i].reasoning != b.messages[i].reasoning ||
        a.messages[i].fields != b.messages[i].fields) {
      return false;
    }
  }
  return a.system == b.system && a.began == b.began && a.history.cut == b.history.cut &&
         a.history.summary.text == b.history.summary.text &&
         a.history.summary.covers == b.history.summary.covers &&
         a.transcript.text == b.transcript.text && a.transcript.ids == b.transcript.ids &&
         a.transcript.marks == b.transcript.marks;
}

TEST(Conversation, ClearKeepsTheSystemPrompt) {
  Conversation c = talk();
  clear(c);
  ASSERT_EQ(c.messages.size(), 1u);
  EXPECT_EQ(c.messages[0].content, "Be brief.");
  EXPECT_EQ(c.history.cut, 0u);
  EXPECT_FALSE(c.began) << "what is asked next begins another one";
}

TEST(Conversation, AnotherSystemPromptForgetsNothingElse) {
  Conversation c = talk();
  set_system(c, "Be kind.");
  EXPECT_EQ(c.messages.size(), 5u);
  EXPECT_EQ(c.messages[0].content, "Be kind.");
  set_system(c, "");
  EXPECT_EQ(c.messages.size(), 4u);
  EXPECT_EQ(c.messages[0].role, "user");
}

TEST(Conversation, AnEditTakesAwayWhatFollows) {
  Conversation c = talk();
  ASSERT_TRUE(edit(c, 3, "Three").ok());
  EXPECT_EQ(c.messages.size(), 4u);
  EXPECT_EQ(c.messages.back().content, "Three");
  EXPECT_EQ(c.history.cut, 2u) << "what was left out has not changed";
  ASSERT_EQ(c.transcript.marks.size(), 1u) << "the first answer is still what was generated";
  EXPECT_EQ(c.transcript.marks[0].messages, 3u);
  ASSERT_TRUE(edit(c, 1, "Zero").ok());
  EXPECT_EQ(c.history.cut, 0u) << "what was left out has changed";
  EXPECT_TRUE(c.history.summary.text.empty());
  EXPECT_EQ(edit(c, 7, "x").code(), StatusCode::InvalidArgument);
}

TEST(Conversation, OnlyAnAnswerCanBeTakenBack) {
  Conversation c = talk();
  ASSERT_TRUE(take_back_answer(c).ok());
  EXPECT_EQ(c.messages.back().content, "Two");
  ASSERT_TRUE(take_back_answer(c).ok()) << "a question without an answer can be asked again";
  EXPECT_EQ(c.messages.size(), 4u);
  Conversation empty;
  EXPECT_EQ(take_back_answer(empty).code(), StatusCode::InvalidArgument);
}

TEST(ConversationCodec, KeepsEverything) {
  auto read = decode_conversation(encode_conversation(talk()));
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_TRUE(same(*read, talk()));
  auto empty = decode_conversation(encode_conversation({}));
  ASSERT_TRUE(empty.ok());
  EXPECT_TRUE(same(*empty, {}));
}

TEST(ConversationCodec, RefusesWhatIsCutShortOrTooLong) {
  std::vector<uint8_t> bytes = encode_conversation(talk());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(decode_conversation(std::span(bytes).first(length)).status().code(),
              StatusCode::Corrupt)
        << length;
  }
  bytes.push_back(0);
  EXPECT_EQ(decode_conversation(bytes).status().code(), StatusCode::Corrupt);
}

TEST(ConversationCodec, NeverCrashesOnDamage) {
  const std::vector<uint8_t> good = encode_conversation(talk());
  size_t refused = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (const uint8_t flip : {uint8_t{1}, uint8_t{0x80}, uint8_t{0xFF}}) {
      std::vector<uint8_t> bytes = good;
      bytes[at] ^= flip;
      if (!decode_conversation(bytes).ok()) ++refused;
    }
  }
  EXPECT_GT(refused, good.size());
}

TEST(ConversationCodec, NamesAnotherVersion) {
  std::vector<uint8_t> bytes = encode_conversation(talk());
  bytes[0] = 99;
  EXPECT_EQ(decode_conversation(bytes).status().code(), StatusCode::Unsupported);
}

}  // namespace
}  // namespace etb
