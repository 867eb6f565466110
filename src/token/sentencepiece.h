// SentencePiece-style BPE: a whole text without words, best score first, byte fallback.
#pragma once

#include <string_view>
#include <vector>

#include "family/vocab.h"
#include "token/merge_list.h"
#include "token/word_encoder.h"

namespace etb::token {

class SentencePieceEncoder : public WordEncoder {
 public:
  // All must outlive this.
  SentencePieceEncoder(const family::VocabView& vocab, const DirectTokens& direct)
      : vocab_(vocab), direct_(direct), unknown_(vocab) {}

  // `text`: valid UTF-8, with real spaces.
  void encode_word(std::string_view text, std::vector<TokenId>& out) override;

 private:
  void encode_part(std::string_view part, std::vector<TokenId>& out);

  const family::VocabView& vocab_;
  const DirectTokens& direct_;
  UnknownCharacters unknown_;
  MergeList list_;
};

}  // namespace etb::token
