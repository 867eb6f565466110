// SentencePiece-style BPE: a whole text without words, best score first, byte fallback.
#pragma once

#include <string_view>
#include <vector>

#include "family/vocab.h"
#include "token/merge_list.h"

namespace etb::token {

// One encoder serves one call: it keeps its working memory between texts.
class SentencePieceEncoder {
 public:
  // The view must outlive this.
  explicit SentencePieceEncoder(const family::VocabView& vocab) : vocab_(vocab) {}

  // Appends the ids of `text`: valid UTF-8, with real spaces. A character that no piece covers
  // becomes its bytes' tokens if there is one for each of its bytes; else the unknown token, once
  // for a run of such characters; else nothing.
  void encode(std::string_view text, std::vector<TokenId>& out);

 private:
  void encode_word(std::string_view word, std::vector<TokenId>& out);
  void append_symbol(std::string_view text, std::vector<TokenId>& out);

  const family::VocabView& vocab_;
  MergeList list_;
  bool after_unknown_ = false;
};

}  // namespace etb::token
