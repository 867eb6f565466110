// Unigram: of all ways to cut a word into pieces the one with the best sum of scores.
#pragma once

#include <string_view>
#include <vector>

#include "family/vocab.h"
#include "token/sorted_texts.h"
#include "token/word_encoder.h"

namespace etb::token {

// What all encoders of one vocabulary share: its pieces in order.
class UnigramPieces {
 public:
  UnigramPieces() = default;
  explicit UnigramPieces(const family::VocabView& vocab);

  // Calls visit(id, length) for each piece that stands at `at`, the shortest first.
  template <class Visit>
  void each_prefix(const family::VocabView& vocab, std::string_view text, size_t at,
                   const Visit& visit) const {
    const auto text_of = [&](uint32_t i) { return vocab.bytes(ids_[i]); };
    sorted_.each_prefix(text_of, text, at,
                        [&](uint32_t i, size_t length) { visit(ids_[i], length); });
  }
  // The score of a character that no piece covers.
  double unknown_score() const { return unknown_score_; }

 private:
  std::vector<TokenId> ids_;  // Normal and UserDefined, in the order of their bytes; no two alike
  SortedTexts sorted_;
  double unknown_score_ = 0;
};

class UnigramEncoder : public WordEncoder {
 public:
  // All must outlive this. `single_sums`: scores add up in single precision. Which of two cuts of
  // nearly equal sums wins hangs on that, and on what stands before them in the word.
  UnigramEncoder(const family::VocabView& vocab, const DirectTokens& direct,
                 const UnigramPieces& pieces, bool single_sums)
      : vocab_(vocab),
        direct_(direct),
        pieces_(pieces),
        unknown_(vocab),
        single_sums_(single_sums) {}
  void encode_word(std::string_view word, std::vector<TokenId>& out) override;

 private:
  // The best way to the byte behind a piece: its sum, where the last piece begins, which it is.
  struct Best {
    double sum = 0;
    uint32_t begin = 0;
    TokenId id = kNoToken;
    bool reached = false;
  };
  void encode_part(std::string_view part, std::vector<TokenId>& out);
  void find_best(std::string_view part);

  const family::VocabView& vocab_;
  const DirectTokens& direct_;
  const UnigramPieces& pieces_;
  UnknownCharacters unknown_;
  bool single_sums_;
  std::vector<Best> best_;
  std::vector<uint32_t> path_;
};

}  // namespace etb::token
