// From one word of the pre-tokenizer to ids: what the kinds of vocabularies have in common.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "family/vocab.h"

namespace etb::token {

// One encoder serves one call: it keeps its working memory between words.
class WordEncoder {
 public:
  virtual ~WordEncoder() = default;
  // Appends the word's ids. Precondition: valid UTF-8, not empty.
  virtual void encode_word(std::string_view word, std::vector<TokenId>& out) = 0;
};

// Tokens whose own text is known to become that very token, so that a word that equals it needs no
// work: told by the stored vocabulary, or learnt from what was encoded. Threads may share one.
class DirectTokens {
 public:
  // The view must outlive this.
  explicit DirectTokens(const family::VocabView& vocab)
      : vocab_(vocab), learnt_(vocab.knows_direct() ? 0 : vocab.size()) {}

  bool contains(TokenId id) const {
    return learnt_.empty() ? vocab_.is_direct(id)
                           : learnt_[id].load(std::memory_order_relaxed) != 0;
  }
  // `word`, which is the token `whole` (or none, kNoToken), became `ids`.
  void learn(TokenId whole, const TokenId* ids, size_t count) const {
    if (learnt_.empty() || whole == kNoToken || count != 1 || ids[0] != whole) return;
    learnt_[whole].store(1, std::memory_order_relaxed);
  }

 private:
  const family::VocabView& vocab_;
  mutable std::vector<std::atomic<uint8_t>> learnt_;
};

// Calls encode(part) for parts of `word` between which no piece reaches: cut before spaces.
template <class Encode>
void each_uncrossed(const family::VocabView& vocab, std::string_view word, const Encode& encode) {
  size_t begin = 0;
  for (size_t i = 1; i < word.size(); ++i) {
    if (word[i] != ' ' || word[i - 1] == ' ') continue;
    if (!vocab.cuts_before_space(static_cast<uint8_t>(word[i - 1]))) continue;
    encode(word.substr(begin, i - begin));
    begin = i;
  }
  if (begin < word.size()) encode(word.substr(begin));
}

// What becomes of characters that no piece covers: their bytes' tokens if there is one for each of
// a character's bytes; else the unknown token, once for a run of them; else nothing.
class UnknownCharacters {
 public:
  explicit UnknownCharacters(const family::VocabView& vocab) : vocab_(vocab) {}
  void append(std::string_view character, std::vector<TokenId>& out);
  void end_run() { in_run_ = false; }

 private:
  const family::VocabView& vocab_;
  bool in_run_ = false;
};

}  // namespace etb::token
