#include "token/bpe.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace etb::token {
namespace {

using family::VocabData;
using family::VocabView;

// Letters a to e, and merges over them chosen at random; the bytes and a view into them.
struct RandomVocab {
  std::vector<uint8_t> bytes;
  VocabView view;
};

RandomVocab random_vocab(std::mt19937& rng, int merges) {
  VocabData data;
  data.tokens = {"a", "b", "c", "d", "e"};
  while (static_cast<int>(data.merges.size()) < merges) {
    std::uniform_int_distribution<size_t> pick(0, data.tokens.size() - 1);
    const std::string left(data.tokens[pick(rng)]), right(data.tokens[pick(rng)]);
    if (left.size() + right.size() > 9) continue;
    const std::string merge = left + " " + right;
    if (std::count(data.merges.begin(), data.merges.end(), merge) != 0) continue;
    data.merges.push_back(merge);
    if (std::count(data.tokens.begin(), data.tokens.end(), left + right) == 0) {
      data.tokens.push_back(left + right);
    }
  }
  RandomVocab out{*family::serialize_vocab(data), {}};
  out.view = *family::parse_vocab(out.bytes);
  return out;
}

// The definition, in the slowest way: again and again the best pair of all, the leftmost of equals.
std::vector<TokenId> merge_by_definition(const VocabView& vocab, std::string_view word) {
  std::vector<TokenId> ids;
  for (const char c : word) ids.push_back(vocab.byte_token(static_cast<uint8_t>(c)));
  while (true) {
    uint32_t best = kNoPair;
    size_t at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto merge = vocab.find_merge(ids[i], ids[i + 1]);
      if (merge.merged != kNoToken && merge.rank < best) best = merge.rank, at = i;
    }
    if (best == kNoPair) return ids;
    ids[at] = vocab.find_merge(ids[at], ids[at + 1]).merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

// Words on both sides of the border between the scanning and the heap way.
TEST(Bpe, EqualsItsDefinitionOnRandomVocabularies) {
  std::mt19937 rng(1);
  for (int round = 0; round < 60; ++round) {
    const RandomVocab vocab = random_vocab(rng, 3 + round);
    const DirectTokens direct(vocab.view);
    BpeEncoder encoder(vocab.view, direct, false);
    for (int i = 0; i < 60; ++i) {
      std::string word(std::uniform_int_distribution<size_t>(1, 90)(rng), ' ');
      for (char& c : word) c = "abcde"[rng() % (round % 2 == 0 ? 5 : 2)];
      std::vector<TokenId> got;
      encoder.encode_word(word, got);
      ASSERT_EQ(got, merge_by_definition(vocab.view, word)) << word;
    }
  }
}

TEST(Bpe, IgnoreMergesTakesAVocabularyWordWhole) {
  VocabData data;
  data.tokens = {"a", "b", "c", "bc", "abc"};
  data.merges = {"b c"};
  const auto bytes = *family::serialize_vocab(data);
  const auto vocab = *family::parse_vocab(bytes);
  std::vector<TokenId> merged, whole;
  const DirectTokens direct(vocab);
  BpeEncoder(vocab, direct, false).encode_word("abc", merged);
  BpeEncoder(vocab, direct, true).encode_word("abc", whole);
  EXPECT_EQ(merged, (std::vector<TokenId>{0, 3}));
  EXPECT_EQ(whole, (std::vector<TokenId>{4}));
}

TEST(Bpe, BytesOutsideTheVocabularyAreLeftOut) {
  VocabData data;
  data.tokens = {"a", "b", "ab"};
  data.merges = {"a b"};
  const auto bytes = *family::serialize_vocab(data);
  const auto vocab = *family::parse_vocab(bytes);
  std::vector<TokenId> ids;
  const DirectTokens direct(vocab);
  BpeEncoder encoder(vocab, direct, false);
  encoder.encode_word(
      "a\x04"
      "b",
      ids);  // what is left are neighbours, so they merge
  EXPECT_EQ(ids, (std::vector<TokenId>{2}));
  ids.clear();
  encoder.encode_word("xyz", ids);
  EXPECT_TRUE(ids.empty());
  encoder.encode_word(std::string(100, 'x') + "ab", ids);
  EXPECT_EQ(ids, (std::vector<TokenId>{2}));
}

// A megabyte in one word; a quadratic loop would take minutes.
TEST(Bpe, AMegabyteOfOneWordIsFast) {
  std::mt19937 rng(2);
  const RandomVocab vocab = random_vocab(rng, 40);
  std::string word(1 << 20, ' ');
  for (char& c : word) c = "abcde"[rng() % 5];
  std::vector<TokenId> ids;
  const DirectTokens direct(vocab.view);
  BpeEncoder(vocab.view, direct, false).encode_word(word, ids);
  std::string back;
  for (const TokenId id : ids) back += vocab.view.bytes(id);
  EXPECT_EQ(back, word);
}

}  // namespace
}  // namespace etb::token
