// The kinds of vocabularies that only tokenizer files bring: Unigram, BPE by characters, tiktoken.
#include "token/unigram.h"

#include <gtest/gtest.h>

#include "token/bpe.h"
#include "token/text_rules.h"
#include "token/tokenizer.h"

namespace etb::token {
namespace {

using family::TokenType;
using family::VocabData;
using family::VocabKind;
using Ids = std::vector<TokenId>;

VocabData unigram() {
  VocabData data;
  data.kind = VocabKind::Unigram;
  //             0        1     2     3     4      5       6
  data.tokens = {"<unk>", "▁", "a", "b", "ab", "▁ab", "abab"};
  data.scores = {0, -4, -2, -2, -3, -6, -9};
  data.types.assign(data.tokens.size(), TokenType::Normal);
  data.types[0] = TokenType::Unknown;
  data.ids.unk = 0;
  return data;
}

TEST(Unigram, TheBestSumWins) {
  const auto tokenizer = *Tokenizer::create(unigram());
  EXPECT_EQ(*tokenizer.encode("ab"), (Ids{4})) << "-3 beats -2 - 2";
  EXPECT_EQ(*tokenizer.encode("abab"), (Ids{4, 4})) << "-6 beats -9";
  EXPECT_EQ(*tokenizer.encode("ab ab"), (Ids{4, 5}));
  EXPECT_EQ(*tokenizer.encode("aab"), (Ids{2, 4}));
  EXPECT_EQ(*tokenizer.decode(Ids{4, 5}), "ab ab");
}

TEST(Unigram, OfEqualSumsTheLongerLastPieceStays) {
  VocabData data = unigram();
  data.scores[4] = -4;
  const auto tokenizer = *Tokenizer::create(data);
  EXPECT_EQ(*tokenizer.encode("ab"), (Ids{4}));
}

TEST(Unigram, UnknownCharactersAreOneTokenARun) {
  const auto tokenizer = *Tokenizer::create(unigram());
  EXPECT_EQ(*tokenizer.encode("a漢字b"), (Ids{2, 0, 3}));
  EXPECT_EQ(*tokenizer.encode("漢a字"), (Ids{0, 2, 0}));
  EXPECT_EQ(*tokenizer.encode("x<unk>x", {.parse_special = true}), (Ids{0, 0, 0}))
      << "the token itself, if it is asked for, ends a run";
}

TEST(Unigram, BytesStandForUnknownCharactersWhereThereAreAll) {
  VocabData data = unigram();
  for (const char* byte : {"<0xC3>", "<0xA9>"}) {
    data.tokens.push_back(byte);
    data.scores.push_back(0);
    data.types.push_back(TokenType::Byte);
  }
  const auto tokenizer = *Tokenizer::create(data);
  EXPECT_EQ(*tokenizer.encode("aéb"), (Ids{2, 7, 8, 3}));
  EXPECT_EQ(*tokenizer.encode("aèb"), (Ids{2, 0, 3})) << "one of its bytes is missing";
}

TEST(Unigram, WhatIsLearntChangesNothing) {
  const auto tokenizer = *Tokenizer::create(unigram());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(*tokenizer.encode("abab ab"), (Ids{4, 4, 5}));
}

VocabData pieces() {
  VocabData data;
  data.kind = VocabKind::PieceBpe;
  //             0        1     2     3     4      5       6         7
  data.tokens = {"<unk>", "▁", "a", "b", "ab", "▁ab", "<0xC3>", "<0xA9>"};
  data.types.assign(data.tokens.size(), TokenType::Normal);
  data.types[0] = TokenType::Unknown;
  data.types[6] = data.types[7] = TokenType::Byte;
  data.merge_ids = {{2, 3, 4}, {1, 4, 5}};
  data.ids.unk = 0;
  return data;
}

TEST(PieceBpe, CharactersMergeByTheirList) {
  const auto tokenizer = *Tokenizer::create(pieces());
  EXPECT_EQ(*tokenizer.encode("ab ab"), (Ids{4, 5}));
  EXPECT_EQ(*tokenizer.encode("b a"), (Ids{3, 1, 2}));
  EXPECT_EQ(*tokenizer.encode("aéb"), (Ids{2, 6, 7, 3}));
  EXPECT_EQ(*tokenizer.encode("a漢字b漢"), (Ids{2, 0, 3, 0}));
  EXPECT_EQ(*tokenizer.decode(*tokenizer.encode("ab é")), "ab é");
}

TEST(PieceBpe, UnknownCharactersCanStaySeparate) {
  VocabData data = pieces();
  TextRules rules;
  rules.separate_unknown = true;
  data.pre = write_rules(rules);
  const auto tokenizer = *Tokenizer::create(data);
  EXPECT_EQ(*tokenizer.encode("a漢字b"), (Ids{2, 0, 0, 3}));
}

TEST(PieceBpe, WithoutAnUnknownTokenCharactersGoAndTheirNeighboursMerge) {
  VocabData data = pieces();
  data.ids.unk.reset();
  const auto tokenizer = *Tokenizer::create(data);
  EXPECT_EQ(*tokenizer.encode("a漢b"), (Ids{4}));
}

TEST(RankedBytes, TheLowestIdMergesFirstAndAWholeWordNeedsNoMerging) {
  VocabData data;
  data.kind = VocabKind::RankedBytes;
  data.pre = "llama-bpe";
  data.tokens = {"a", "b", "c", "bc", "ab", "abcx", "x", "\xC3", "<|end|>"};
  data.types.assign(data.tokens.size(), TokenType::Normal);
  data.types.back() = TokenType::Control;
  const auto tokenizer = *Tokenizer::create(data);
  EXPECT_EQ(*tokenizer.encode("abc"), (Ids{0, 3}));
  EXPECT_EQ(*tokenizer.encode("abcx"), (Ids{5})) << "no merge leads there";
  EXPECT_EQ(*tokenizer.encode("abé"), (Ids{4, 7})) << "a byte that is missing is left out";
  EXPECT_EQ(*tokenizer.encode("a<|end|>", {.parse_special = true}), (Ids{0, 8}));
}

// A megabyte in one word; a quadratic loop would take minutes.
TEST(RankedBytes, AMegabyteOfOneWord) {
  VocabData data;
  data.kind = VocabKind::RankedBytes;
  data.pre = "llama-bpe";
  data.tokens = {"a", "aa", "aaaa"};
  const auto tokenizer = *Tokenizer::create(data);
  EXPECT_EQ(tokenizer.encode(std::string(1'000'000, 'a'))->size(), 250'000u);
}

TEST(Unigram, AMegabyteOfOneWord) {
  const auto tokenizer = *Tokenizer::create(unigram());
  EXPECT_EQ(tokenizer.encode(std::string(1'000'000, 'a'))->size(), 1'000'000u);
}

}  // namespace
}  // namespace etb::token
