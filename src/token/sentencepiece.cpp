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

void SentencePieceEncoder::encode_word(std::string_view text, std::vector<TokenId>& out) {
  unknown_.end_run();
  each_uncrossed(vocab_, text, [&](std::string_view part) { encode_part(part, out); });
}

void SentencePieceEncoder::encode_part(std::string_view word, std::vector<TokenId>& out) {
  const TokenId whole = vocab_.find(word);
  if (whole != kNoToken && direct_.contains(whole)) {
    out.push_back(whole);
    unknown_.end_run();
    return;
  }
  const size_t before = out.size();
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
      unknown_.append(word.substr(symbol.begin, symbol.length), out);
    } else {
      out.push_back(symbol.id);
      unknown_.end_run();
    }
  }
  direct_.learn(whole, out.data() + before, out.size() - before);
}

}  // namespace etb::token
