#include "token/sentencepiece.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

namespace etb::token {
namespace {

using family::TokenType;
using family::VocabData;

struct Piece {
  const char* text;
  float score;
  TokenType type = TokenType::Normal;
};

std::vector<uint8_t> vocab_of(const std::vector<Piece>& pieces, std::optional<TokenId> unk = {}) {
  VocabData data;
  data.kind = family::VocabKind::SentencePiece;
  for (const Piece& piece : pieces) {
    data.tokens.emplace_back(piece.text);
    data.scores.push_back(piece.score);
    data.types.push_back(piece.type);
  }
  data.ids.unk = unk;
  return *family::serialize_vocab(data);
}

std::vector<TokenId> encode(const std::vector<uint8_t>& bytes, std::string_view text) {
  const auto vocab = *family::parse_vocab(bytes);
  std::vector<TokenId> ids;
  SentencePieceEncoder(vocab).encode(text, ids);
  return ids;
}

using Ids = std::vector<TokenId>;

TEST(SentencePiece, TheBestScoreMergesFirst) {
  const auto vocab = vocab_of({{"a", 0}, {"b", 0}, {"c", 0}, {"ab", -2}, {"bc", -1}, {"▁a", -3}});
  EXPECT_EQ(encode(vocab, "abc"), (Ids{0, 4}));
  EXPECT_EQ(encode(vocab, "ab"), (Ids{3}));
}

TEST(SentencePiece, OfEqualScoresTheLeftmostMergesFirst) {
  const auto vocab = vocab_of({{"a", 0}, {"aa", -1}});
  EXPECT_EQ(encode(vocab, "aaa"), (Ids{1, 0}));
  EXPECT_EQ(encode(vocab, "aaaaa"), (Ids{1, 1, 0}));
}

TEST(SentencePiece, TheSpaceMarkStandsForASpace) {
  const auto vocab = vocab_of({{"▁", 0}, {"a", 0}, {"▁a", -1}, {"▁▁", -2}});
  EXPECT_EQ(encode(vocab, " a"), (Ids{2}));
  EXPECT_EQ(encode(vocab, "   a"), (Ids{3, 2}));
}

TEST(SentencePiece, BytesStandInForACharacterWithoutAPiece) {
  const auto vocab = vocab_of({{"<unk>", 0, TokenType::Unknown},
                               {"<0xC3>", 0, TokenType::Byte},
                               {"<0xA9>", 0, TokenType::Byte},
                               {"a", 0}},
                              0);
  EXPECT_EQ(encode(vocab, "aé"), (Ids{3, 1, 2}));
  EXPECT_EQ(encode(vocab, "aè"), (Ids{3, 0})) << "one of its bytes has no token: unknown";
  EXPECT_EQ(encode(vocab, "èèa😀"), (Ids{0, 3, 0})) << "a run of unknown characters is one token";
}

TEST(SentencePiece, WithoutAnUnknownTokenUnknownCharactersAreLeftOut) {
  EXPECT_EQ(encode(vocab_of({{"a", 0}}), "xayè"), (Ids{0}));
}

TEST(SentencePiece, ControlTokensAreNotReachedByMerging) {
  const auto vocab =
      vocab_of({{"<", 0}, {"s", 0}, {">", 0}, {"<s", -1}, {"<s>", 5, TokenType::Control}});
  EXPECT_EQ(encode(vocab, "<s>"), (Ids{3, 2}));
}

TEST(SentencePiece, AScoreThatIsNoNumberNeverMerges) {
  const auto vocab = vocab_of({{"a", 0}, {"aa", std::nanf("")}});
  EXPECT_EQ(encode(vocab, "aa"), (Ids{0, 0}));
}

TEST(SentencePiece, AMegabyteWithoutASpaceIsFast) {
  const auto bytes =
      vocab_of({{"a", 0}, {"b", 0}, {"ab", -1}, {"ba", -2}, {"abab", -3}, {"bb", -4}});
  const auto vocab = *family::parse_vocab(bytes);
  std::mt19937 rng(3);
  std::string text(1 << 20, ' ');
  for (char& c : text) c = "ab"[rng() % 2];
  std::string back;
  for (const TokenId id : encode(bytes, text)) back += vocab.bytes(id);
  EXPECT_EQ(back, text);
}

}  // namespace
}  // namespace etb::token
