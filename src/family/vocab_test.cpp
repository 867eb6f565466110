#include "family/vocab.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/text.h"
#include "family/vocab_format.h"

namespace etb::family {
namespace {

VocabData small_bpe() {
  VocabData data;
  data.pre = "smollm";
  //             0          1    2    3     4      5        6         7
  data.tokens = {"<|end|>", "a", "b", "ab", "Ġab", "Ġ", "<tool>", "[PAD]", "Ã", "©", "Ã©"};
  data.types.assign(data.tokens.size(), TokenType::Normal);
  data.types[0] = TokenType::Control;
  data.types[6] = TokenType::UserDefined;
  data.types[7] = TokenType::Unused;
  data.merges = {"a b", "Ġ ab", "Ã ©"};
  data.ids.eos = 0;
  data.ids.pad = 7;
  data.add_bos = true;
  return data;
}

VocabData small_sentence_piece() {
  VocabData data;
  data.kind = VocabKind::SentencePiece;
  data.tokens = {"<unk>", "<s>", "<0x0A>", "▁", "▁a", "a", "  "};
  data.types = {TokenType::Unknown, TokenType::Control, TokenType::Byte,       TokenType::Normal,
                TokenType::Normal,  TokenType::Normal,  TokenType::UserDefined};
  data.scores = {0, 0, 0, -1, -2, -3, -4};
  data.ids.unk = 0;
  data.add_space_prefix = true;
  data.add_eos = true;
  return data;
}

TEST(Vocab, KeepsWhatTheModelFileSays) {
  const auto bytes = serialize_vocab(small_bpe());
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  const auto vocab = parse_vocab(*bytes);
  ASSERT_TRUE(vocab.ok()) << vocab.status().to_string();
  EXPECT_EQ(vocab->kind(), VocabKind::ByteLevelBpe);
  EXPECT_EQ(vocab->pre(), "smollm");
  EXPECT_EQ(vocab->size(), 11u);
  EXPECT_EQ(vocab->ids().eos, 0u);
  EXPECT_EQ(vocab->ids().pad, 7u);
  EXPECT_FALSE(vocab->ids().bos.has_value());
  EXPECT_TRUE(vocab->add_bos());
  EXPECT_FALSE(vocab->add_eos());
  EXPECT_EQ(vocab->type(7), TokenType::Unused);
  EXPECT_EQ(vocab->max_token_bytes(), 7u);
  EXPECT_EQ(vocab->score(3), 0.0f);
}

TEST(Vocab, ByteLevelSpellingBecomesBytes) {
  const auto bytes = *serialize_vocab(small_bpe());
  const auto vocab = *parse_vocab(bytes);
  EXPECT_EQ(vocab.bytes(4), " ab");
  EXPECT_EQ(vocab.bytes(10), "\xC3\xA9");
  EXPECT_EQ(vocab.bytes(0), "<|end|>");
  EXPECT_EQ(vocab.byte_token(' '), 5u);
  EXPECT_EQ(vocab.byte_token(0xA9), 9u);
  EXPECT_EQ(vocab.byte_token('z'), kNoToken);
}

TEST(Vocab, FindsPiecesButNoControlOrUnusedOnes) {
  const auto bytes = *serialize_vocab(small_bpe());
  const auto vocab = *parse_vocab(bytes);
  for (const TokenId id : {1u, 2u, 3u, 4u, 5u, 6u, 8u, 9u, 10u}) {
    EXPECT_EQ(vocab.find(vocab.bytes(id)), id);
  }
  EXPECT_EQ(vocab.find("<|end|>"), kNoToken);
  EXPECT_EQ(vocab.find("[PAD]"), kNoToken);
  EXPECT_EQ(vocab.find(""), kNoToken);
  EXPECT_EQ(vocab.find("nothing of the kind, and long"), kNoToken);
}

TEST(Vocab, FindsMergesWithTheirRank) {
  const auto bytes = *serialize_vocab(small_bpe());
  const auto vocab = *parse_vocab(bytes);
  EXPECT_EQ(vocab.find_merge(1, 2).merged, 3u);
  EXPECT_EQ(vocab.find_merge(1, 2).rank, 0u);
  EXPECT_EQ(vocab.find_merge(5, 3).rank, 1u);
  EXPECT_EQ(vocab.find_merge(2, 1).merged, kNoToken);
  EXPECT_EQ(vocab.find_merge(4'000'000'000, kNoToken).merged, kNoToken);
}

TEST(Vocab, KnowsWhichTokensTheirOwnBytesMergeTo) {
  VocabData data = small_bpe();
  data.tokens.push_back("ba");  // no merge leads here
  data.types.push_back(TokenType::Normal);
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  EXPECT_TRUE(vocab.is_direct(1));
  EXPECT_TRUE(vocab.is_direct(4));
  EXPECT_TRUE(vocab.is_direct(10));
  EXPECT_FALSE(vocab.is_direct(11));
  EXPECT_FALSE(vocab.is_direct(0));
}

TEST(Vocab, SpecialTokensStandInTheOrderOfTheirBytes) {
  VocabData data = small_bpe();
  data.types[4] = TokenType::Control;  // spelt "Ġab": control tokens are plain text
  data.merges = {"a b"};
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  ASSERT_EQ(vocab.special_count(), 3u);
  EXPECT_EQ(vocab.special(0), 6u);
  EXPECT_EQ(vocab.special(1), 0u);
  EXPECT_EQ(vocab.bytes(vocab.special(2)), "Ġab");
}

TEST(Vocab, SentencePieceSpellingBecomesSpacesAndBytes) {
  const auto bytes = serialize_vocab(small_sentence_piece());
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  const auto vocab = *parse_vocab(*bytes);
  EXPECT_EQ(vocab.bytes(2), "\n");
  EXPECT_EQ(vocab.byte_token('\n'), 2u);
  EXPECT_EQ(vocab.byte_token('a'), kNoToken) << "a piece is no byte token here";
  EXPECT_EQ(vocab.find(" a"), 4u);
  EXPECT_EQ(vocab.find("\n"), kNoToken) << "byte tokens are not pieces";
  EXPECT_EQ(vocab.find("  "), kNoToken) << "spelt with spaces: found whole in raw text only";
  EXPECT_EQ(vocab.score(4), -2.0f);
  EXPECT_TRUE(vocab.add_space_prefix());
  EXPECT_TRUE(vocab.add_eos());
  EXPECT_EQ(vocab.ids().unk, 0u);
}

TEST(Vocab, KeepsWhichTokensStripWhiteSpace) {
  VocabData data = small_bpe();
  data.strip_left = {0};
  data.strip_right = {0, 6};
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  EXPECT_TRUE(vocab.strips_left(0) && vocab.strips_right(0));
  EXPECT_TRUE(!vocab.strips_left(6) && vocab.strips_right(6));
  EXPECT_FALSE(vocab.strips_left(1) || vocab.strips_right(1));
  EXPECT_EQ(vocab.type(6), TokenType::UserDefined);
}

TEST(Vocab, KnowsBehindWhichBytesAPieceGoesOnWithASpace) {
  VocabData data = small_sentence_piece();
  data.tokens.set(5, ">▁</");
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  EXPECT_FALSE(vocab.cuts_before_space('>'));
  EXPECT_TRUE(vocab.cuts_before_space('<'));
  EXPECT_TRUE(vocab.cuts_before_space('a'));
}

TEST(Vocab, KnowsWhichPiecesTheirOwnCharactersMergeTo) {
  VocabData data = small_sentence_piece();
  data.tokens.set(4, "▁aa");  // no piece on the way: neither "aa" nor "▁a"
  const auto gap = *serialize_vocab(data);
  EXPECT_FALSE(parse_vocab(gap)->is_direct(4));
  data.tokens.set(3, "▁a");
  const auto whole = *serialize_vocab(data);
  EXPECT_TRUE(parse_vocab(whole)->is_direct(4));
  EXPECT_TRUE(parse_vocab(whole)->is_direct(5)) << "a single character";
  EXPECT_FALSE(parse_vocab(whole)->is_direct(1)) << "control tokens are not reached";
}

TEST(Vocab, OfTwoSpeltAlikeTheFirstNormalOneIsFound) {
  VocabData data;
  data.tokens = {"a", "a", "a"};
  data.types = {TokenType::UserDefined, TokenType::Normal, TokenType::Normal};
  const auto bytes = *serialize_vocab(data);
  EXPECT_EQ(parse_vocab(bytes)->find("a"), 1u);
}

TEST(Vocab, TextOutsideTheByteAlphabetIsKeptButNotReached) {
  VocabData data;
  data.tokens = {"a", "日本", "a b", "\xC3"};
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  for (TokenId id = 1; id < 4; ++id) {
    EXPECT_EQ(vocab.bytes(id), data.tokens[id]);
    EXPECT_EQ(vocab.find(data.tokens[id]), kNoToken);
  }
}

void expect_refused(const VocabData& data, std::string_view names) {
  const auto bytes = serialize_vocab(data);
  ASSERT_EQ(bytes.status().code(), StatusCode::InvalidArgument) << names;
  EXPECT_NE(bytes.status().message().find(names), std::string_view::npos)
      << bytes.status().message();
}

TEST(Vocab, WhatDoesNotFitIsRefusedByName) {
  const auto with = [](auto change) {
    VocabData data = small_bpe();
    change(data);
    return data;
  };
  expect_refused(VocabData{}, "0 tokens");
  expect_refused(with([](VocabData& d) { d.ids.eot = 11; }), "special id 11 of 11");
  expect_refused(with([](VocabData& d) { d.types.pop_back(); }), "10 types for 11 tokens");
  expect_refused(with([](VocabData& d) { d.scores = {1}; }), "1 scores for 11 tokens");
  expect_refused(with([](VocabData& d) { d.types[2] = TokenType(9); }), "token 2 has type 9");
  expect_refused(with([](VocabData& d) { d.merges[1] = "nospace"; }), "merge 1 'nospace'");
  expect_refused(with([](VocabData& d) { d.merges[2] = "a x"; }), "merge 2 'a x'");
  expect_refused(with([](VocabData& d) { d.merges.emplace_back("b a"); }), "merge 3 'b a'");
  expect_refused(with([](VocabData& d) { d.strip_left = {11}; }), "flag of token 11");
  expect_refused(with([](VocabData& d) { d.tokens.set(0, std::string(1025, 'x')); }),
                 "special token 0 has more than 1024 bytes");
  expect_refused(with([](VocabData& d) { d.pre = std::string((1u << 22) + 1, 'x'); }),
                 "name is too long");
  VocabData scoreless = small_sentence_piece();
  scoreless.scores.clear();
  expect_refused(scoreless, "0 scores for 7 tokens");
  VocabData merging = small_sentence_piece();
  merging.merges = {"a a"};
  expect_refused(merging, "not byte-level BPE");
}

TEST(Vocab, AMergeThatEndsAtAControlTokenIsLeftOut) {
  VocabData data = small_bpe();
  data.types[3] = TokenType::Control;
  data.merges = {"a b", "Ã ©"};
  const auto bytes = serialize_vocab(data);
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  const auto vocab = *parse_vocab(*bytes);
  EXPECT_EQ(vocab.find_merge(1, 2).merged, kNoToken);
  EXPECT_EQ(vocab.find_merge(8, 9).rank, 1u) << "the others keep their ranks";
}

// Whatever the bytes, look-ups stay inside them (the sanitizers watch) and come to an end.
void use_everything(const VocabView& vocab) {
  size_t sum = vocab.pre().size();
  for (TokenId id = 0; id < vocab.size(); ++id) {
    sum += vocab.bytes(id).size() + static_cast<size_t>(vocab.type(id)) + vocab.is_direct(id);
    sum += vocab.find(vocab.bytes(id)) % 2 + (vocab.score(id) > 0 ? 1 : 0);
    sum += vocab.find_merge(id, id).merged % 2 + vocab.find_merge(id, id + 1).merged % 2;
  }
  for (uint32_t i = 0; i < vocab.special_count(); ++i) sum += vocab.special(i);
  EXPECT_GT(sum, 0u);
}

TEST(Vocab, EveryCutIsCorrupt) {
  for (const VocabData& data : {small_bpe(), small_sentence_piece()}) {
    const auto bytes = *serialize_vocab(data);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
      ASSERT_EQ(parse_vocab(cut).status().code(), StatusCode::Corrupt) << size;
    }
    std::vector<uint8_t> longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(parse_vocab(longer).status().code(), StatusCode::Corrupt);
  }
}

TEST(Vocab, EveryFlippedBitIsAnErrorOrStillSafe) {
  for (const VocabData& data : {small_bpe(), small_sentence_piece()}) {
    auto bytes = *serialize_vocab(data);
    size_t refused = 0;
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      const auto vocab = parse_vocab(bytes);
      if (vocab.ok()) {
        use_everything(*vocab);
      } else {
        ++refused;
      }
      bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    }
    EXPECT_GT(refused, sizeof(VocabHeader) * 4);
  }
}

TEST(Vocab, RandomWordsInTheTablesAreAnErrorOrStillSafe) {
  const auto good = *serialize_vocab(small_bpe());
  std::mt19937 rng(5);
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    for (int i = 0; i < 4; ++i) {
      const uint32_t word = rng() % 3 == 0 ? 0xFFFF'FFFFu : rng() % 16;
      std::memcpy(&bytes[sizeof(VocabHeader) + 4 * (rng() % 300)], &word, 4);
    }
    const auto vocab = parse_vocab(bytes);
    if (vocab.ok()) use_everything(*vocab);
  }
}

// A table without an empty slot would let a careless search run for ever.
TEST(Vocab, AFullTableIsCorrupt) {
  auto bytes = *serialize_vocab(small_bpe());
  VocabHeader h;
  std::memcpy(&h, bytes.data(), sizeof h);
  const size_t pieces = sizeof h + 4 * (h.size + 1 + 256 + h.special_count);
  auto full = bytes;
  for (size_t i = 0; i < h.piece_slots; ++i) std::memset(&full[pieces + 8 * i], 0, 4);
  EXPECT_NE(parse_vocab(full).status().message().find("pieces"), std::string_view::npos);
  const size_t merges = pieces + 8 * h.piece_slots;
  std::memset(&bytes[merges], 0, 16 * h.merge_slots);
  EXPECT_NE(parse_vocab(bytes).status().message().find("merges"), std::string_view::npos);
}

TEST(Vocab, AnotherVersionIsUnsupportedAndNamed) {
  auto bytes = *serialize_vocab(small_bpe());
  bytes[8] = 2;
  const auto vocab = parse_vocab(bytes);
  ASSERT_EQ(vocab.status().code(), StatusCode::Unsupported);
  EXPECT_NE(vocab.status().message().find("version 2"), std::string_view::npos);
}

// The largest vocabularies of today; opening reads the tables once and builds nothing.
TEST(Vocab, ALargeVocabularyOpens) {
  VocabData data;
  for (int i = 0; i < 200'000; ++i) data.tokens.push_back(concat("t", i));
  const auto bytes = *serialize_vocab(data);
  const auto vocab = parse_vocab(bytes);
  ASSERT_TRUE(vocab.ok());
  for (TokenId id = 0; id < vocab->size(); id += 997) {
    EXPECT_EQ(vocab->find(data.tokens[id]), id);
  }
}

// The kinds that tokenizer files bring.
TEST(Vocab, MergesByIds) {
  VocabData data = small_bpe();
  data.merges.clear();
  data.merge_ids = {{1, 2, 3}, {5, 3, 4}};
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  EXPECT_EQ(vocab.find_merge(1, 2).merged, 3u);
  EXPECT_EQ(vocab.find_merge(5, 3).rank, 1u);
  EXPECT_TRUE(vocab.knows_direct());
  EXPECT_TRUE(vocab.is_direct(4));
  data.skip_direct = true;
  const auto without = *serialize_vocab(data);
  EXPECT_FALSE(parse_vocab(without)->knows_direct());
  EXPECT_FALSE(parse_vocab(without)->is_direct(4));
}

TEST(Vocab, PiecesOfCharacters) {
  VocabData data = small_sentence_piece();
  data.kind = VocabKind::PieceBpe;
  data.scores.clear();
  data.merge_ids = {{3, 5, 4}};
  data.unlisted = {6};
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  EXPECT_EQ(vocab.kind(), VocabKind::PieceBpe);
  EXPECT_EQ(vocab.bytes(4), " a");
  EXPECT_EQ(vocab.find(" a"), 4u);
  EXPECT_EQ(vocab.byte_token('\n'), 2u);
  EXPECT_EQ(vocab.special_count(), 2u) << "token 6 is unlisted";
  data.space_marks = false;
  const auto spelt = *serialize_vocab(data);
  EXPECT_EQ(parse_vocab(spelt)->bytes(4), "▁a");
}

TEST(Vocab, RankedBytesAreTakenAsTheyAre) {
  VocabData data;
  data.kind = VocabKind::RankedBytes;
  data.tokens = {"\xC3", "Ġ", " "};
  const auto bytes = *serialize_vocab(data);
  const auto vocab = *parse_vocab(bytes);
  EXPECT_EQ(vocab.byte_token(0xC3), 0u);
  EXPECT_EQ(vocab.byte_token(' '), 2u);
  EXPECT_EQ(vocab.bytes(1), "Ġ");
}

TEST(Vocab, RefusesPartsThatDoNotBelongToTheKind) {
  VocabData data = small_bpe();
  data.merge_ids = {{1, 2, 3}};
  expect_refused(data, "both by text and by ids");
  data.merges.clear();
  data.merge_ids = {{1, 2, 11}};
  expect_refused(data, "a merge of tokens 1 and 2 to 11 of 11");
  data.merge_ids = {{1, 2, 3}};
  data.kind = VocabKind::RankedBytes;
  expect_refused(data, "merges in a model that has none");
  data.merge_ids.clear();
  data.kind = VocabKind::Unigram;
  expect_refused(data, "0 scores for 11 tokens");
  data.kind = VocabKind::ByteLevelBpe;
  data.unlisted = {11};
  expect_refused(data, "a flag of token 11 of 11");
}

}  // namespace
}  // namespace etb::family
