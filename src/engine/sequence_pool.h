// The conversations of a loaded model that have keys and values in memory, one Sequence each, and
// where a new prompt finds what was computed before: in its own sequence, in that of another
// conversation, in the prefix store, in the file where it was parked. Model thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/token_id.h"
#include "kv/prefix_store.h"
#include "runner/text_runner.h"

namespace etb {

struct PoolOptions {
  // Of the prefix store: what closed or rewritten conversations computed. 0: none is kept. The
  // first thing to go when memory is short.
  size_t prefix_bytes = size_t{32} << 20;
  // For parked conversations and, up to prefix_disk_bytes, for what leaves the prefix store. Of
  // this pool alone. Empty: neither; a parked conversation is computed again.
  std::string folder = {};
  uint64_t prefix_disk_bytes = 0;
};

struct PoolUse {
  size_t sequences = 0;
  size_t kv_bytes = 0;      // committed
  size_t prefix_bytes = 0;  // of the prefix store, in memory
};

// Removes the file of a parked conversation; without `session` all of them. Nothing if `folder` is
// empty. Errors of the disk do not matter.
void remove_parked(const std::string& folder,
                   std::optional<uint64_t> session = std::nullopt) noexcept;

class SequencePool {
 public:
  SequencePool(runner::TextRunner& runner, PoolOptions options, const Clock& clock);
  SequencePool(const SequencePool&) = delete;
  SequencePool& operator=(const SequencePool&) = delete;

  // The session's sequence, at the end of the longest prefix of `prompt` that is to be had without
  // computing it: position() is that length, less than prompt.size(), so that at least one id is
  // left to feed. `keep`: what the session computed otherwise goes to the prefix store, if it is
  // worth it. OutOfMemory if a new sequence cannot be had.
  Result<runner::Sequence*> place(uint64_t session, std::span<const TokenId> prompt, bool keep);
  // Null if the session has none in memory.
  runner::Sequence* find(uint64_t session);
  // Makes rows from elsewhere the session's own. An error leaves it without any.
  Status adopt(uint64_t session, const kv::RowsView& rows);

  // The session is over: what it computed goes to the prefix store, its memory back; what was
  // parked of it goes.
  void erase(uint64_t session) noexcept;
  // Frees the session's memory; it finds its rows on disk at its next prompt. Without a folder they
  // go; so they do if the disk or the memory for it does not suffice.
  void park(uint64_t session) noexcept;
  void park_all() noexcept;
  // Sessions in memory, least recently used first.
  std::vector<uint64_t> by_last_use() const;
  // Empties sequences that hold more positions, but that of session `except`.
  void drop_longer_than(uint32_t positions, uint64_t except);
  void drop_prefixes();

  PoolUse use() const;
  uint32_t most_positions() const;  // of the longest sequence
  kv::PrefixStats prefix_stats() const;

 private:
  struct Entry {
    std::unique_ptr<runner::Sequence> sequence;
    int64_t last_used_ns = 0;
  };
  Result<runner::Sequence*> find_or_create(uint64_t session);
  const runner::Sequence* best_other(uint64_t session, std::span<const TokenId> wanted,
                                     size_t& length) const;
  void extend_from_store(runner::Sequence& sequence, std::span<const TokenId> wanted);
  void store(const runner::Sequence& sequence);
  Status write_parked(uint64_t session, const runner::Sequence& sequence) const;
  void restore_parked(uint64_t session, runner::Sequence& sequence);

  runner::TextRunner& runner_;
  const PoolOptions options_;
  const Clock& clock_;
  std::unique_ptr<kv::PrefixStore> prefixes_;  // null: none is kept
  std::map<uint64_t, Entry> entries_;
};

}  // namespace etb
