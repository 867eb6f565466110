#include "token/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

namespace etb::token {
namespace {

using namespace std::string_literals;
using family::TokenType;
using family::VocabData;
using family::VocabKind;
using Ids = std::vector<TokenId>;

// Every byte as a token (id = 3 + byte), behind three specials; "ab" and "  " beyond.
constexpr TokenId kEnd = 1, kTool = 2, kAb = 259, kFirstByte = 3;

std::string spell(int byte) {  // in GPT-2's alphabet
  const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  int code = byte;
  if (!printable) {
    code = byte < 33 ? 0x100 + byte : byte < 161 ? 0x100 + byte - 94 : 0x143;
  }
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

VocabData byte_vocab(std::string pre = "gpt-2") {
  VocabData data;
  data.pre = std::move(pre);
  data.tokens = {"<|bos|>", "<|end|>", "<tool>"};
  data.types = {TokenType::Control, TokenType::Control, TokenType::UserDefined};
  for (int byte = 0; byte < 256; ++byte) data.tokens.push_back(spell(byte));
  data.tokens.push_back("ab");
  data.types.resize(data.tokens.size(), TokenType::Normal);
  data.merges = {"a b"};
  data.ids.bos = 0;
  data.ids.eos = kEnd;
  return data;
}

Ids bytes_of(std::string_view text) {
  Ids ids;
  for (const char c : text) ids.push_back(kFirstByte + static_cast<uint8_t>(c));
  return ids;
}

TEST(Tokenizer, UserTextNeverBecomesAControlToken) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  EXPECT_EQ(*tokenizer.encode("<|end|>"), bytes_of("<|end|>"));
  EXPECT_EQ(*tokenizer.encode("<|end|>", {.parse_special = true}), Ids{kEnd});
  EXPECT_EQ(*tokenizer.encode("<tool>"), Ids{kTool}) << "UserDefined tokens are always read";
}

TEST(Tokenizer, APartsLeaveEndsAtItsBorder) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  const TextPart parts[] = {{"<|end|>", true}, {"<|end|>", false}, {"<|e", true}, {"nd|>", false}};
  Ids expected = {kEnd};
  for (const TokenId id : bytes_of("<|end|><|end|>")) expected.push_back(id);
  EXPECT_EQ(*tokenizer.encode(parts), expected);
  const TextPart both[] = {{"<|e", true}, {"", false}, {"nd|>", true}};
  EXPECT_EQ(*tokenizer.encode(both), bytes_of("<|end|>")) << "an empty user text is a border too";
  const TextPart same[] = {{"<|e", true}, {"nd|>", true}};
  EXPECT_EQ(*tokenizer.encode(same), Ids{kEnd});
}

TEST(Tokenizer, SomeSpecialTokensSwallowTheWhiteSpaceBesideThem) {
  VocabData data = byte_vocab();
  data.strip_left = {kEnd};
  data.strip_right = {kEnd, kTool};
  const auto tokenizer = *Tokenizer::create(data);
  const EncodeOptions special{.parse_special = true};
  EXPECT_EQ(*tokenizer.encode("ab \u3000<|end|>\n ab", special), (Ids{kAb, kEnd, kAb}));
  EXPECT_EQ(*tokenizer.encode("ab <tool> ", special), (Ids{kAb, kFirstByte + ' ', kTool}));
  EXPECT_EQ(*tokenizer.encode(" <|end|> <|end|> ", special), (Ids{kEnd, kEnd}));
  EXPECT_EQ(*tokenizer.encode(" <|end|>"), bytes_of(" <|end|>")) << "not as plain text";
}

TEST(Tokenizer, PartsAreTokenizedAsOneText) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  const TextPart parts[] = {{"a", true}, {"b", false}};
  EXPECT_EQ(*tokenizer.encode(parts), Ids{kAb});
  EXPECT_TRUE(tokenizer.encode(std::span<const TextPart>())->empty());
}

TEST(Tokenizer, BosAndEosOnlyWhenAsked) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  EXPECT_EQ(*tokenizer.encode("ab"), Ids{kAb});
  EXPECT_EQ(*tokenizer.encode("ab", {.add_bos = true, .add_eos = true}), (Ids{0, kAb, kEnd}));
  VocabData none = byte_vocab();
  none.ids = {};
  EXPECT_EQ(*Tokenizer::create(none)->encode("ab", {.add_bos = true}), Ids{kAb});
}

TEST(Tokenizer, InvalidUtf8IsRefusedWithTheOffset) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  const auto ids = tokenizer.encode("abc\xFF");
  ASSERT_EQ(ids.status().code(), StatusCode::InvalidArgument);
  EXPECT_NE(ids.status().message().find("at byte 3"), std::string_view::npos);
  const TextPart halves[] = {{"\xC3", false}, {"\xA9", false}};
  EXPECT_TRUE(tokenizer.encode(halves).ok()) << "only the whole text has to be valid";
}

TEST(Tokenizer, NulAndEveryCharacterGoThereAndBack) {
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "gpt-4o"}) {
    const auto tokenizer = *Tokenizer::create(byte_vocab(pre));
    std::string text = "a\0b"s;
    for (uint32_t code = 1; code < 0x11'0000; code += 7) {
      if (code >= 0xD800 && code < 0xE000) continue;
      if (code >= 0x10000) {
        text += static_cast<char>(0xF0 | code >> 18);
        text += static_cast<char>(0x80 | (code >> 12 & 0x3F));
      } else if (code >= 0x800) {
        text += static_cast<char>(0xE0 | code >> 12);
      }
      if (code >= 0x800) text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      if (code >= 0x80 && code < 0x800) text += static_cast<char>(0xC0 | code >> 6);
      text += static_cast<char>(code < 0x80 ? code : 0x80 | (code & 0x3F));
    }
    const auto ids = tokenizer.encode(text);
    ASSERT_TRUE(ids.ok()) << ids.status().to_string();
    EXPECT_EQ(*tokenizer.decode(*ids), text) << pre;
  }
}

TEST(Tokenizer, EveryEntryHasItsExactBytes) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  ASSERT_EQ(tokenizer.vocab_size(), 260u);
  for (uint32_t byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(*tokenizer.piece(kFirstByte + byte), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(*tokenizer.piece(kTool), "<tool>");
  EXPECT_EQ(*tokenizer.piece(kEnd), "") << "control tokens stand for no text";
  EXPECT_EQ(*tokenizer.piece(kEnd, {.special = true}), "<|end|>");
  EXPECT_EQ(*tokenizer.decode(Ids{0, kAb, kEnd}), "ab");
  EXPECT_EQ(*tokenizer.decode(Ids{0, kAb}, {.special = true}), "<|bos|>ab");
}

TEST(Tokenizer, AnIdOutsideTheVocabularyIsNamed) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  EXPECT_EQ(tokenizer.piece(260).status().code(), StatusCode::InvalidArgument);
  const auto text = tokenizer.decode(Ids{1, 4'000'000'000});
  ASSERT_EQ(text.status().code(), StatusCode::InvalidArgument);
  EXPECT_NE(text.status().message().find("4000000000"), std::string_view::npos);
  EXPECT_FALSE(tokenizer.is_control(260));
}

TEST(Tokenizer, KnowsItsSpecialTokens) {
  const auto tokenizer = *Tokenizer::create(byte_vocab());
  EXPECT_TRUE(tokenizer.is_control(kEnd));
  EXPECT_FALSE(tokenizer.is_control(kTool));
  EXPECT_EQ(tokenizer.find_special("<|end|>"), kEnd);
  EXPECT_EQ(tokenizer.find_special("ab"), kNoToken);
  EXPECT_EQ(tokenizer.ids().bos, 0u);
  EXPECT_FALSE(tokenizer.ids().eot.has_value());
}

TEST(Tokenizer, Qwen2BringsTextToNfcFirst) {
  const auto qwen = *Tokenizer::create(byte_vocab("qwen2"));
  EXPECT_EQ(*qwen.encode("e\u0301\u212A"), bytes_of("\u00E9K"));
  const auto gpt2 = *Tokenizer::create(byte_vocab("gpt-2"));
  EXPECT_EQ(*gpt2.encode("e\u0301"), bytes_of("e\u0301"));
}

VocabData spaced_vocab(bool prefix) {
  VocabData data;
  data.kind = VocabKind::SentencePiece;
  data.tokens = {"<s>", "▁", "a", "▁a", "<t>"};
  data.types = {TokenType::Control, TokenType::Normal, TokenType::Normal, TokenType::Normal,
                TokenType::UserDefined};
  data.scores = {0, -1, -2, -3, 0};
  data.add_space_prefix = prefix;
  data.add_bos = true;
  data.ids.bos = 0;
  return data;
}

TEST(Tokenizer, TheSpacePrefixComesAndGoes) {
  const auto tokenizer = *Tokenizer::create(spaced_vocab(true));
  EXPECT_TRUE(tokenizer.wants_space());
  EXPECT_TRUE(tokenizer.wants_bos());
  EXPECT_EQ(*tokenizer.encode("aa"), (Ids{3, 2}));
  EXPECT_EQ(*tokenizer.encode("a<t>a"), (Ids{3, 4, 3})) << "behind a special token again";
  EXPECT_TRUE(tokenizer.encode("")->empty());
  for (const char* text : {"a", " a", "  ", "aa a"}) {
    EXPECT_EQ(*tokenizer.decode(*tokenizer.encode(text)), text);
    EXPECT_EQ(*tokenizer.decode(*tokenizer.encode(text, {.add_bos = true})), text);
  }
  EXPECT_EQ(*tokenizer.piece(3), " a") << "a single piece keeps its space";
}

TEST(Tokenizer, TextThatContinuesGetsNoPrefix) {
  const auto tokenizer = *Tokenizer::create(spaced_vocab(true));
  EXPECT_EQ(*tokenizer.encode("aa", {.continues = true}), (Ids{2, 2}));
  EXPECT_EQ(*tokenizer.encode("a<t>a", {.continues = true}), (Ids{2, 4, 3}));
}

TEST(Tokenizer, WithoutThePrefixTextIsTakenAsItIs) {
  const auto tokenizer = *Tokenizer::create(spaced_vocab(false));
  EXPECT_EQ(*tokenizer.encode("a a"), (Ids{2, 3}));
  EXPECT_EQ(*tokenizer.encode("a▁a"), (Ids{2, 3})) << "the mark itself reads as a space";
  const TextPart parts[] = {{"a▁", false}, {"<s>", true}, {"▁<s>", false}, {"a", false}};
  const Ids ids = *tokenizer.encode(parts);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 0u), 1) << "the borders move along with the marks";
  EXPECT_EQ(*tokenizer.decode(Ids{3}), " a");
}

TEST(Tokenizer, RefusesWhatItCannotRead) {
  EXPECT_EQ(Tokenizer::create(std::vector<uint8_t>(100)).status().code(), StatusCode::Corrupt);
  EXPECT_EQ(Tokenizer::create(byte_vocab("nobody")).status().code(), StatusCode::Unsupported);
  EXPECT_EQ(Tokenizer::create(VocabData{}).status().code(), StatusCode::InvalidArgument);
}

TEST(Tokenizer, ManyThreadsShareOne) {
  const auto tokenizer = *Tokenizer::create(byte_vocab("llama-bpe"));
  const std::string text = "Some words, ab 123 <tool> \u00E9\n";
  const Ids expected = *tokenizer.encode(text);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) wrong[t] += *tokenizer.encode(text) == expected ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace etb::token
