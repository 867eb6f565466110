// The conversations of a loaded model that have keys and values in memory, one Sequence each, and
// where a new prompt finds what was computed before: in its own sequence or in that of another
// conversation. Model thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/token_id.h"
#include "runner/text_runner.h"

namespace etb {

struct PoolUse {
  size_t sequences = 0;
  size_t kv_bytes = 0;  // committed
};

class SequencePool {
 public:
  SequencePool(runner::TextRunner& runner, const Clock& clock);
  SequencePool(const SequencePool&) = delete;
  SequencePool& operator=(const SequencePool&) = delete;

  // The session's sequence, at the end of the longest prefix of `prompt` that is to be had without
  // computing it: position() is that length, less than prompt.size(), so that at least one id is
  // left to feed. OutOfMemory if a new sequence cannot be had.
  Result<runner::Sequence*> place(uint64_t session, std::span<const TokenId> prompt);
  // Null if the session has none in memory.
  runner::Sequence* find(uint64_t session);
  void erase(uint64_t session) { entries_.erase(session); }
  // Sessions in memory, least recently used first.
  std::vector<uint64_t> by_last_use() const;
  PoolUse use() const;

 private:
  struct Entry {
    std::unique_ptr<runner::Sequence> sequence;
    int64_t last_used_ns = 0;
  };
  Result<runner::Sequence*> find_or_create(uint64_t session);

  runner::TextRunner& runner_;
  const Clock& clock_;
  std::map<uint64_t, Entry> entries_;
};

}  // namespace etb
