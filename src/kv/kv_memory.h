// The KV memory of one conversation: a private, lazily committed arena (memory id 2 of the program)
// and the account of what it holds. Rows are addressed by position; pages behind the windows of
// sliding layers are given back as the position moves on.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "kv/descriptor.h"
#include "platform/anonymous_memory.h"

namespace etb::kv {

class KvMemory {
 public:
  // Reserves address space; nothing is committed. OutOfMemory if even that is refused.
  static Result<KvMemory> reserve(Descriptor descriptor, size_t arena_bytes);

  uint8_t* data() { return arena_.data(); }
  size_t size() const { return arena_.size(); }
  std::span<const uint8_t> bytes() const { return {arena_.data(), arena_.size()}; }
  const Descriptor& descriptor() const { return descriptor_; }

  // Rows [0, position) have been written: gives back what no window can reach any more. Amortised:
  // works only when the position is far enough from the last time. Never fails: memory that the
  // system will not take back is kept.
  void advance(uint32_t position);
  // The lowest position a rewind may go to.
  uint32_t rewind_floor() const { return floor_; }
  // Empties the arena: all pages go back, the floor is 0 again.
  Status clear();

  // Bytes that the rows below `position` take (those given back not counted).
  size_t bytes_in_use(uint32_t position) const;
  Result<size_t> committed_bytes() const { return arena_.committed_bytes(); }

  // Copies rows [from, to) of `source` to the same positions here. Both must have equal descriptors
  // (InvalidArgument otherwise); from >= source.rewind_floor().
  Status copy_rows(const KvMemory& source, uint32_t from, uint32_t to);

 private:
  KvMemory(Descriptor descriptor, AnonymousMemory arena);

  Descriptor descriptor_;
  AnonymousMemory arena_;
  uint32_t floor_ = 0;
};

}  // namespace etb::kv
