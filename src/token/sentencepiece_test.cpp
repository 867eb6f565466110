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
    data.tokens.push_back(piece.text);
    data.scores.push_back(piece.score);
    data.types.push_back(piece.type);
  }
  data.ids.unk = unk;
  return *family::serialize_vocab(data);
}

std::vector<TokenId> encode(const std::vector<uint8_t>& bytes, std::string_view text) {
  const auto vocab = *family::parse_vocab(bytes);
  std::vector<TokenId> ids;
  const DirectTokens direct(vocab);
  SentencePieceEncoder(vocab, direct).encode_word(text, ids);
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

// The definition, in the slowest way: the best neighbours of the whole text, the leftmost of
// equals.
Ids merge_by_definition(const family::VocabView& vocab, const std::string& text) {
  std::vector<std::string> symbols;
  for (const char c : text) symbols.emplace_back(1, c);
  while (true) {
    size_t at = symbols.size();
    float best = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const TokenId id = vocab.find(symbols[i] + symbols[i + 1]);
      if (id == kNoToken || (at < symbols.size() && vocab.score(id) <= best)) continue;
      at = i;
      best = vocab.score(id);
    }
    if (at == symbols.size()) break;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) ids.push_back(vocab.find(symbol));
  return ids;
}

// Pieces with spaces at the front only (text is cut into words) and anywhere (some cuts are not
// allowed); scores with ties and zeros of both signs.
TEST(SentencePiece, EqualsItsDefinitionOnRandomVocabularies) {
  std::mt19937 rng(6);
  const auto random_text = [&rng](size_t most) {
    std::string text(1 + rng() % most, ' ');
    for (char& c : text) c = " aab"[rng() % 4];
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    VocabData data;
    data.kind = family::VocabKind::SentencePiece;
    data.tokens = {"▁", "a", "b"};
    for (int i = 0; i < 12; ++i) {
      std::string spelling;
      for (const char c : random_text(5)) {
        const bool inner = c == ' ' && !spelling.empty() && spelling.back() != '\x81';
        if (inner && round % 2 == 0) continue;
        spelling += c == ' ' ? "▁" : std::string(1, c);
      }
      data.tokens.push_back(spelling);
    }
    for (size_t i = 0; i < data.tokens.size(); ++i) {
      data.scores.push_back(rng() % 9 == 0 ? -0.0f : static_cast<float>(rng() % 12) - 6.0f);
    }
    const auto bytes = *family::serialize_vocab(data);
    const auto vocab = *family::parse_vocab(bytes);
    for (int i = 0; i < 20; ++i) {
      const std::string text = random_text(40);
      ASSERT_EQ(encode(bytes, text), merge_by_definition(vocab, text)) << text;
    }
  }
}

TEST(SentencePiece, ARunOfUnknownCharactersMayReachAcrossWords) {
  const auto vocab = vocab_of({{"<unk>", 0, TokenType::Unknown}, {"a", 0}}, 0);
  EXPECT_EQ(encode(vocab, "x y az"), (Ids{0, 1, 0}));
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
