#include "token/bpe.h"

#include <array>
#include <cstring>

namespace etb::token {

namespace {

// Up to here, scanning all pairs for the best beats keeping a heap.
constexpr size_t kShortWord = 40;

}  // namespace

void BpeEncoder::encode_word(std::string_view word, std::vector<TokenId>& out) {
  const TokenId whole = vocab_.find(word);
  if (whole != kNoToken && (ignore_merges_ || vocab_.is_direct(whole))) {
    out.push_back(whole);
  } else if (word.size() <= kShortWord) {
    merge_short(word, out);
  } else {
    merge_long(word, out);
  }
}

void BpeEncoder::merge_short(std::string_view word, std::vector<TokenId>& out) {
  std::array<TokenId, kShortWord> ids;
  std::array<family::VocabView::Merge, kShortWord> pairs;  // of ids i and i + 1
  size_t count = 0;
  for (const char c : word) {
    const TokenId id = vocab_.byte_token(static_cast<uint8_t>(c));
    if (id != kNoToken) ids[count++] = id;
  }
  const auto rate = [&](size_t i) {
    pairs[i] = i + 1 < count ? vocab_.find_merge(ids[i], ids[i + 1]) : family::VocabView::Merge{};
    if (pairs[i].merged == kNoToken) pairs[i].rank = kNoPair;
  };
  for (size_t i = 0; i < count; ++i) rate(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoPair) break;
    ids[best] = pairs[best].merged;
    const size_t behind = count - best - 2;
    std::memmove(&ids[best + 1], &ids[best + 1] + 1, behind * sizeof ids[0]);
    std::memmove(&pairs[best + 1], &pairs[best + 1] + 1, behind * sizeof pairs[0]);
    --count;
    rate(best);
    if (best > 0) rate(best - 1);
  }
  out.insert(out.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
}

void BpeEncoder::merge_long(std::string_view word, std::vector<TokenId>& out) {
  auto& symbols = list_.symbols();
  symbols.clear();
  for (uint32_t i = 0; i < word.size(); ++i) {
    const TokenId id = vocab_.byte_token(static_cast<uint8_t>(word[i]));
    if (id != kNoToken) symbols.push_back({.begin = i, .length = 1, .id = id});
  }
  list_.merge_all([this](const Symbol& left, const Symbol& right) {
    const family::VocabView::Merge merge = vocab_.find_merge(left.id, right.id);
    return merge.merged == kNoToken ? PairRating{} : PairRating{merge.rank, merge.merged};
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.length != 0) out.push_back(symbol.id);
  }
}

}  // namespace etb::token
