// Byte-level BPE: one word (of the pre-tokenizer) to ids.
#pragma once

#include <string_view>
#include <vector>

#include "family/vocab.h"
#include "token/merge_list.h"

namespace etb::token {

// One encoder serves one call: it keeps its working memory between words.
class BpeEncoder {
 public:
  // `ignore_merges`: a word that is a vocabulary entry is taken whole. The view must outlive this.
  BpeEncoder(const family::VocabView& vocab, bool ignore_merges)
      : vocab_(vocab), ignore_merges_(ignore_merges) {}

  // Appends the word's ids. Bytes that the vocabulary lacks are left out, as Hugging Face does.
  void encode_word(std::string_view word, std::vector<TokenId>& out);

 private:
  void merge_short(std::string_view word, std::vector<TokenId>& out);
  void merge_long(std::string_view word, std::vector<TokenId>& out);

  const family::VocabView& vocab_;
  bool ignore_merges_;
  MergeList list_;
};

}  // namespace etb::token
