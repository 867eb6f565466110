#include "token/bpe.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "token/utf8.h"

namespace etb::token {

namespace {

// Up to here, scanning all pairs for the best beats keeping a heap.
constexpr size_t kShortWord = 40;

}  // namespace

void PairMerger::merge(std::vector<TokenId>& ids) {
  if (ids.size() <= kShortWord) {
    merge_short(ids);
  } else {
    merge_long(ids);
  }
}

void PairMerger::merge_short(std::vector<TokenId>& ids) {
  std::array<family::VocabView::Merge, kShortWord> pairs;  // of ids i and i + 1
  size_t count = ids.size();
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
    std::memmove(ids.data() + best + 1, ids.data() + best + 2, behind * sizeof ids[0]);
    std::memmove(pairs.data() + best + 1, pairs.data() + best + 2, behind * sizeof pairs[0]);
    --count;
    rate(best);
    if (best > 0) rate(best - 1);
  }
  ids.resize(count);
}

void PairMerger::merge_long(std::vector<TokenId>& ids) {
  auto& symbols = list_.symbols();
  symbols.clear();
  for (const TokenId id : ids) symbols.push_back({.length = 1, .id = id});
  list_.merge_all([this](const Symbol& left, const Symbol& right) {
    const family::VocabView::Merge merge = vocab_.find_merge(left.id, right.id);
    return merge.merged == kNoToken ? PairRating{} : PairRating{merge.rank, merge.merged};
  });
  ids.clear();
  for (const Symbol& symbol : symbols) {
    if (symbol.length != 0) ids.push_back(symbol.id);
  }
}

void BpeEncoder::encode_word(std::string_view word, std::vector<TokenId>& out) {
  const TokenId whole = vocab_.find(word);
  if (whole != kNoToken && (ignore_merges_ || direct_.contains(whole))) {
    out.push_back(whole);
    return;
  }
  ids_.clear();
  for (const char c : word) {
    const TokenId id = vocab_.byte_token(static_cast<uint8_t>(c));
    if (id != kNoToken) ids_.push_back(id);
  }
  merger_.merge(ids_);
  direct_.learn(whole, ids_.data(), ids_.size());
  out.insert(out.end(), ids_.begin(), ids_.end());
}

// Without an unknown token characters are left out, and those beside them become neighbours: then
// no cut is safe.
void PieceBpeEncoder::encode_word(std::string_view word, std::vector<TokenId>& out) {
  after_unknown_ = false;
  const TokenId whole = options_.ignore_merges ? vocab_.find(word) : kNoToken;
  if (whole != kNoToken) {
    out.push_back(whole);
  } else if (vocab_.ids().unk) {
    each_uncrossed(vocab_, word, [&](std::string_view part) { encode_part(part, out); });
  } else {
    encode_part(word, out);
  }
}

void PieceBpeEncoder::encode_part(std::string_view part, std::vector<TokenId>& out) {
  const TokenId whole = vocab_.find(part);
  if (whole != kNoToken && direct_.contains(whole)) {
    out.push_back(whole);
    after_unknown_ = false;
    return;
  }
  ids_.clear();
  for (size_t at = 0; at < part.size();) {
    const size_t length = std::min(utf8_length(part[at]), part.size() - at);
    append_character(part.substr(at, length));
    at += length;
  }
  merger_.merge(ids_);
  direct_.learn(whole, ids_.data(), ids_.size());
  out.insert(out.end(), ids_.begin(), ids_.end());
}

void PieceBpeEncoder::append_character(std::string_view character) {
  const TokenId id = vocab_.find(character);
  if (id != kNoToken) {
    ids_.push_back(id);
    after_unknown_ = false;
    return;
  }
  const auto token = [this](char c) { return vocab_.byte_token(static_cast<uint8_t>(c)); };
  if (std::all_of(character.begin(), character.end(),
                  [&](char c) { return token(c) != kNoToken; })) {
    for (const char c : character) ids_.push_back(token(c));
    after_unknown_ = false;
    return;
  }
  const auto unknown = vocab_.ids().unk;
  if (unknown && (!after_unknown_ || options_.separate_unknown)) ids_.push_back(*unknown);
  after_unknown_ = true;
}

void RankedBytesEncoder::encode_word(std::string_view word, std::vector<TokenId>& out) {
  const TokenId whole = vocab_.find(word);
  if (whole != kNoToken) {
    out.push_back(whole);
    return;
  }
  auto& symbols = list_.symbols();
  symbols.clear();
  for (uint32_t i = 0; i < word.size(); ++i) {
    const TokenId id = vocab_.byte_token(static_cast<uint8_t>(word[i]));
    if (id != kNoToken) symbols.push_back({.begin = i, .length = 1, .id = id});
  }
  list_.merge_all([this, word](const Symbol& left, const Symbol& right) {
    const TokenId id = vocab_.find(word.substr(left.begin, left.length + right.length));
    return id == kNoToken ? PairRating{} : PairRating{id, id};
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.length != 0) out.push_back(symbol.id);
  }
}

}  // namespace etb::token
