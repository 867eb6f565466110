// The merging at the heart of BPE and SentencePiece alike: symbols in a doubly linked list, a heap
// of adjacent pairs, always the best pair next. n log n, however long the word.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/token_id.h"

namespace etb::token {

inline constexpr uint32_t kNoPair = 0xFFFF'FFFF;  // a pair that does not merge
inline constexpr uint32_t kNoSymbol = 0xFFFF'FFFF;

struct Symbol {
  uint32_t begin = 0;   // in the word's bytes
  uint32_t length = 0;  // 0: swallowed by a symbol to its left
  TokenId id = kNoToken;
  uint32_t previous = kNoSymbol, next = kNoSymbol;
  // Of the pair (this, next): the lowest priority goes first; what the pair becomes.
  uint32_t priority = kNoPair;
  TokenId merged = kNoToken;
};

// What a pair of neighbours would become.
struct PairRating {
  uint32_t priority = kNoPair;
  TokenId merged = kNoToken;
};

class MergeList {
 public:
  std::vector<Symbol>& symbols() { return symbols_; }

  // Merges until no pair is left; of equal priorities the leftmost goes first. `rate(left, right)`
  // returns a PairRating and must depend on the two symbols alone.
  template <class Rate>
  void merge_all(const Rate& rate) {
    heap_.clear();
    const auto count = static_cast<uint32_t>(symbols_.size());
    for (uint32_t i = 0; i < count; ++i) {
      symbols_[i].previous = i == 0 ? kNoSymbol : i - 1;
      symbols_[i].next = i + 1 == count ? kNoSymbol : i + 1;
    }
    for (uint32_t i = 0; i < count; ++i) {
      rate_pair(i, rate);
      if (symbols_[i].priority != kNoPair) heap_.push_back(key(i));
    }
    std::make_heap(heap_.begin(), heap_.end(), std::greater<>());
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      const uint64_t best = heap_.back();
      heap_.pop_back();
      const auto at = static_cast<uint32_t>(best);
      // A swallowed symbol has priority kNoPair, a changed pair another one: such keys are stale.
      if (symbols_[at].priority == static_cast<uint32_t>(best >> 32)) join(at, rate);
    }
  }

 private:
  uint64_t key(uint32_t at) const { return uint64_t{symbols_[at].priority} << 32 | at; }

  template <class Rate>
  void rate_pair(uint32_t at, const Rate& rate) {
    Symbol& left = symbols_[at];
    const PairRating rating =
        left.next == kNoSymbol ? PairRating{} : rate(left, symbols_[left.next]);
    left.priority = rating.priority;
    left.merged = rating.merged;
  }

  template <class Rate>
  void push_pair(uint32_t at, const Rate& rate) {
    rate_pair(at, rate);
    if (symbols_[at].priority == kNoPair) return;
    heap_.push_back(key(at));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }

  template <class Rate>
  void join(uint32_t at, const Rate& rate) {
    Symbol& left = symbols_[at];
    Symbol& right = symbols_[left.next];
    left.id = left.merged;
    left.length += right.length;
    left.next = right.next;
    if (right.next != kNoSymbol) symbols_[right.next].previous = at;
    right.length = 0;
    right.priority = kNoPair;
    push_pair(at, rate);
    if (left.previous != kNoSymbol) push_pair(left.previous, rate);
  }

  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;
};

}  // namespace etb::token
