#include "token/sentencepiece.h"

#include <algorithm>
#include <bit>

#include "token/utf8.h"

namespace etb::token {

namespace {

// Maps scores to integers in the opposite order: the best score comes first. NaN has no place in an
// order and never merges.
uint32_t priority_of(float score) {
  if (score != score) return kNoPair;
  if (score == 0.0f) score = 0.0f;  // -0 and +0 are equal
  const auto bits = std::bit_cast<uint32_t>(score);
  const uint32_t ascending = (bits & 0x8000'0000u) != 0 ? ~bits : bits | 0x8000'0000u;
  return ~ascending;
}

}  // namespace

// No piece crosses a cut, so that merging each word by itself gives the same as merging the whole.
void SentencePieceEncoder::encode(std::string_view text, std::vector<TokenId>& out) {
  after_unknown_ = false;
  size_t begin = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] != ' ' || text[i - 1] == ' ') continue;
    if (!vocab_.cuts_before_space(static_cast<uint8_t>(text[i - 1]))) continue;
    encode_word(text.substr(begin, i - begin), out);
    begin = i;
  }
  if (begin < text.size()) encode_word(text.substr(begin), out);
}

void SentencePieceEncoder::encode_word(std::string_view word, std::vector<TokenId>& out) {
  const TokenId whole = vocab_.find(word);
  if (whole != kNoToken && vocab_.is_direct(whole)) {
    out.push_back(whole);
    after_unknown_ = false;
    return;
  }
  auto& symbols = list_.symbols();
  symbols.clear();
  for (size_t i = 0; i < word.size();) {
    const size_t length = std::min(utf8_length(word[i]), word.size() - i);
    symbols.push_back({.begin = static_cast<uint32_t>(i),
                       .length = static_cast<uint32_t>(length),
                       .id = vocab_.find(word.substr(i, length))});
    i += length;
  }
  list_.merge_all([this, word](const Symbol& left, const Symbol& right) {
    const TokenId id = vocab_.find(word.substr(left.begin, left.length + right.length));
    return id == kNoToken ? PairRating{} : PairRating{priority_of(vocab_.score(id)), id};
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.length == 0) continue;
    if (symbol.id == kNoToken) {
      append_symbol(word.substr(symbol.begin, symbol.length), out);
    } else {
      out.push_back(symbol.id);
      after_unknown_ = false;
    }
  }
}

void SentencePieceEncoder::append_symbol(std::string_view character, std::vector<TokenId>& out) {
  const auto token = [this](char c) { return vocab_.byte_token(static_cast<uint8_t>(c)); };
  if (std::all_of(character.begin(), character.end(),
                  [&](char c) { return token(c) != kNoToken; })) {
    for (const char c : character) out.push_back(token(c));
    after_unknown_ = false;
    return;
  }
  if (const auto unknown = vocab_.ids().unk; unknown && !after_unknown_) out.push_back(*unknown);
  after_unknown_ = true;
}

}  // namespace etb::token
