#include "engine/sequence_pool.h"

#include <algorithm>

namespace etb {
namespace {

// Copying rows of another sequence pays from so many positions on.
constexpr size_t kWorthCopying = 16;

size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  const size_t n = std::min(a.size(), b.size());
  const auto [end, unused] =
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(n), b.begin());
  return static_cast<size_t>(end - a.begin());
}

}  // namespace

SequencePool::SequencePool(runner::TextRunner& runner, const Clock& clock)
    : runner_(runner), clock_(clock) {}

runner::Sequence* SequencePool::find(uint64_t session) {
  const auto entry = entries_.find(session);
  return entry == entries_.end() ? nullptr : entry->second.sequence.get();
}

Result<runner::Sequence*> SequencePool::find_or_create(uint64_t session) {
  auto entry = entries_.find(session);
  if (entry == entries_.end()) {
    ETB_ASSIGN_OR_RETURN(auto sequence, runner_.new_sequence());
    entry = entries_.emplace(session, Entry{.sequence = std::move(sequence)}).first;
  }
  entry->second.last_used_ns = clock_.now_ns();
  return entry->second.sequence.get();
}

Result<runner::Sequence*> SequencePool::place(uint64_t session, std::span<const TokenId> prompt) {
  ETB_ASSIGN_OR_RETURN(runner::Sequence * sequence, find_or_create(session));
  const std::span<const TokenId> wanted = prompt.first(prompt.size() - 1);
  size_t keep = common_prefix(sequence->ids(), wanted);
  if (keep < sequence->rewind_floor()) keep = 0;
  const runner::Sequence* best = nullptr;
  size_t best_length = keep + kWorthCopying - 1;
  for (const auto& [other, entry] : entries_) {
    if (other == session) continue;
    const size_t length = common_prefix(entry.sequence->ids(), wanted);
    if (length <= best_length) continue;
    best = entry.sequence.get();
    best_length = length;
  }
  ETB_RETURN_IF_ERROR(sequence->rewind(static_cast<uint32_t>(keep)));
  // What cannot be copied (a window that gave rows back, a stock file) is computed instead.
  if (best != nullptr) {
    static_cast<void>(sequence->append_from(*best, static_cast<uint32_t>(best_length)));
  }
  return sequence;
}

std::vector<uint64_t> SequencePool::by_last_use() const {
  std::vector<std::pair<int64_t, uint64_t>> order;
  for (const auto& [session, entry] : entries_) order.emplace_back(entry.last_used_ns, session);
  std::sort(order.begin(), order.end());
  std::vector<uint64_t> sessions;
  for (const auto& [when, session] : order) sessions.push_back(session);
  return sessions;
}

PoolUse SequencePool::use() const {
  PoolUse use;
  for (const auto& [session, entry] : entries_) {
    ++use.sequences;
    use.kv_bytes += entry.sequence->kv_usage().committed_bytes;
  }
  return use;
}

}  // namespace etb
