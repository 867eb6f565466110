// BPE by a list of merges: one word (of the pre-tokenizer) to ids. Byte-level or by characters.
#pragma once

#include <string_view>
#include <vector>

#include "family/vocab.h"
#include "token/merge_list.h"
#include "token/word_encoder.h"

namespace etb::token {

// Merges neighbours by the vocabulary's list: the lowest rank first, the leftmost of equals.
class PairMerger {
 public:
  explicit PairMerger(const family::VocabView& vocab) : vocab_(vocab) {}
  // In place.
  void merge(std::vector<TokenId>& ids);

 private:
  void merge_short(std::vector<TokenId>& ids);
  void merge_long(std::vector<TokenId>& ids);

  const family::VocabView& vocab_;
  MergeList list_;
};

// Words begin as bytes. Bytes that the vocabulary lacks are left out, as Hugging Face does.
class BpeEncoder : public WordEncoder {
 public:
  // `ignore_merges`: a word that is a vocabulary entry is taken whole. All must outlive this.
  BpeEncoder(const family::VocabView& vocab, const DirectTokens& direct, bool ignore_merges)
      : vocab_(vocab), direct_(direct), merger_(vocab), ignore_merges_(ignore_merges) {}
  void encode_word(std::string_view word, std::vector<TokenId>& out) override;

 private:
  const family::VocabView& vocab_;
  const DirectTokens& direct_;
  PairMerger merger_;
  bool ignore_merges_;
  std::vector<TokenId> ids_;
};

// Words begin as characters. One that the vocabulary lacks is its bytes' tokens, or the unknown
// token, before anything is merged.
class PieceBpeEncoder : public WordEncoder {
 public:
  struct Options {
    bool ignore_merges = false;
    bool separate_unknown = false;  // no fusing of unknown characters
  };
  PieceBpeEncoder(const family::VocabView& vocab, const DirectTokens& direct, Options options)
      : vocab_(vocab), direct_(direct), merger_(vocab), options_(options) {}
  void encode_word(std::string_view word, std::vector<TokenId>& out) override;

 private:
  void encode_part(std::string_view part, std::vector<TokenId>& out);
  void append_character(std::string_view character);

  const family::VocabView& vocab_;
  const DirectTokens& direct_;
  PairMerger merger_;
  Options options_;
  bool after_unknown_ = false;
  std::vector<TokenId> ids_;
};

// tiktoken's: a word that is a token is taken whole; else the pair of neighbours whose joined bytes
// are the token with the lowest id merges first, the leftmost of equals.
class RankedBytesEncoder : public WordEncoder {
 public:
  explicit RankedBytesEncoder(const family::VocabView& vocab) : vocab_(vocab) {}
  void encode_word(std::string_view word, std::vector<TokenId>& out) override;

 private:
  const family::VocabView& vocab_;
  MergeList list_;
};

}  // namespace etb::token
