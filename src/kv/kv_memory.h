// The KV memory of one conversation: a private, lazily committed arena of the program and the
// account of what it holds. Rows are addressed by position; pages behind the windows of sliding
// layers are given back as the position moves on. An arena of our own files holds rows alone; one
// of a stock file (KvType::AsExported) may hold other things beside them, which are left alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "kv/descriptor.h"
#include "kv/rows.h"
#include "platform/anonymous_memory.h"

namespace etb::kv {

// Rows beyond the position are kept for the next answer until there are this many.
inline constexpr uint32_t kTrimPositions = 256;
// A rewind may go back at least so far, or by a window if that is less.
inline constexpr uint32_t kRewindRoom = 1024;

// The most rows that a layer with this window holds at any time, if no more than `chunk` are
// written at once: those seen, those that may be rewound into, those that wait to go.
uint64_t most_window_rows(uint32_t window, uint32_t chunk);

class KvMemory {
 public:
  // Reserves address space; nothing is committed. OutOfMemory if even that is refused.
  static Result<KvMemory> reserve(Descriptor descriptor, size_t arena_bytes);

  uint8_t* data() { return arena_.data(); }
  size_t size() const { return arena_.size(); }
  std::span<const uint8_t> bytes() const { return {arena_.data(), arena_.size()}; }
  const Descriptor& descriptor() const { return descriptor_; }

  // Before rows below `end` are written: they count as held until a rewind or clear() gives them
  // back.
  void expect(uint32_t end) { written_ = std::max(written_, end); }
  // Rows [0, position) have been written: gives back what no window can reach any more. Amortised:
  // works only when the position is far enough from the last time. Never fails: memory that the
  // system will not take back is kept.
  void advance(uint32_t position);
  // The lowest position a rewind may go to.
  uint32_t rewind_floor() const { return floor_; }
  // Rows from `position` on are needed no more. Amortised: memory goes back to the system once
  // kTrimPositions rows or more are to spare. Never fails, as advance().
  void rewind(uint32_t position);
  // Forgets all rows: their pages go back, of our own files all, and the floor is 0 again.
  Status clear();

  // Bytes that the rows below `position` take (those given back not counted).
  size_t bytes_in_use(uint32_t position) const;
  Result<size_t> committed_bytes() const { return arena_.committed_bytes(); }

  // What rows copied from `from` on have as their floor.
  uint32_t floor_of_rows(uint32_t from) const;
  // Rows [from, to) as kv/rows.h has them; ids and model key are the caller's to fill in.
  // Precondition: from <= to, all written. OutOfMemory.
  Result<Rows> copy_out(uint32_t from, uint32_t to) const;
  // Writes rows at their positions. Precondition: check_rows() is Ok; ContextFull beyond the end.
  // The floor rises to theirs: until the position reaches it nothing can run.
  Status copy_in(const RowsView& rows);
  // Copies rows [from, to) of `source` to the same positions here, and raises the floor as
  // copy_in(). Both must have equal descriptors (InvalidArgument otherwise).
  Status copy_rows(const KvMemory& source, uint32_t from, uint32_t to);

 private:
  KvMemory(Descriptor descriptor, AnonymousMemory arena);
  // How many rows of a group lie on one page, and a tile more.
  static uint32_t rows_a_page(const Plane& plane);
  void release_from(uint32_t position);
  void release(const std::vector<ByteRange>& ranges);

  Descriptor descriptor_;
  AnonymousMemory arena_;
  uint32_t floor_ = 0;
  uint32_t written_ = 0;  // rows from here on have not been touched since they were last given back
};

}  // namespace etb::kv
