#include "engine/lookup_draft.h"

#include <algorithm>
#include <bit>

namespace etb {
namespace {

constexpr size_t kFirstSlots = 1024;
constexpr size_t kSlotsPerToken = 2;
constexpr size_t kMostProbes = 32;  // then the last one is taken: a token has a bounded cost

}  // namespace

PromptLookup::PromptLookup(const LookupOptions& options) : options_(options) {
  options_.longest_match = std::clamp<size_t>(options.longest_match, 1, kMostMatch);
  options_.shortest_match = std::clamp<size_t>(options.shortest_match, 1, options_.longest_match);
  options_.capacity = std::clamp<size_t>(options.capacity, kLeastCapacity, size_t{1} << 28);
}

void PromptLookup::reset() {
  history_.clear();
  rebuild(0);
}

void PromptLookup::accept(std::span<const TokenId> ids) {
  for (const TokenId id : ids) accept(id);
}

void PromptLookup::accept(TokenId id) {
  if (history_.size() == options_.capacity) {
    const auto half = static_cast<std::ptrdiff_t>(options_.capacity / 2);
    history_.erase(history_.begin(), history_.begin() + half);
    history_.push_back(id);
    rebuild(slots_);
    return;
  }
  history_.push_back(id);
  if (slots_ < history_.size() * kSlotsPerToken) {
    rebuild(std::max(kFirstSlots, std::bit_ceil(history_.size() * kSlotsPerToken)));
  } else {
    index(history_.size() - 1);
  }
}

void PromptLookup::rebuild(size_t slots) {
  slots_ = slots;
  earlier_.fill(0);
  for (size_t length = options_.shortest_match; length <= options_.longest_match; ++length) {
    ends_[length].assign(slots, 0);
  }
  for (size_t at = 0; at < history_.size(); ++at) index(at);
}

// Enters the runs that end with history_[at], and notes where they stood before.
void PromptLookup::index(size_t at) {
  const size_t end = at + 1;
  earlier_.fill(0);
  for (size_t length = options_.shortest_match; length <= options_.longest_match; ++length) {
    if (length > end) break;
    uint32_t& place = place_of(ends_[length], end, length);
    if (place != 0 && same_run(place, end, length)) earlier_[length] = place;
    place = static_cast<uint32_t>(end);
  }
}

// The slot of the run that ends at `end`: the one it has, or a free one.
uint32_t& PromptLookup::place_of(Ends& ends, size_t end, size_t length) {
  uint64_t hash = 0;
  for (size_t i = end - length; i < end; ++i) {
    hash = (hash ^ history_[i]) * 0x9E37'79B9'7F4A'7C15ULL;
    hash ^= hash >> 32;
  }
  const size_t mask = slots_ - 1;
  size_t slot = static_cast<size_t>(hash) & mask;
  for (size_t probe = 1; probe < kMostProbes; ++probe) {
    if (ends[slot] == 0 || same_run(ends[slot], end, length)) break;
    slot = (slot + 1) & mask;
  }
  return ends[slot];
}

bool PromptLookup::same_run(size_t end, size_t other_end, size_t length) const {
  if (length > end || length > other_end) return false;
  const auto run = history_.begin() + static_cast<std::ptrdiff_t>(end - length);
  const auto other = history_.begin() + static_cast<std::ptrdiff_t>(other_end - length);
  return std::equal(run, run + static_cast<std::ptrdiff_t>(length), other);
}

Draft PromptLookup::draft(size_t most) const {
  for (size_t length = options_.longest_match; length >= options_.shortest_match; --length) {
    const size_t end = earlier_[length];
    if (end == 0) continue;
    const size_t count = std::min(most, history_.size() - end);
    if (count == 0) break;
    return {std::span(history_).subspan(end, count), length};
  }
  return {};
}

}  // namespace etb
