// What the bytes of a KV arena mean: how its rows are addressed, and which byte ranges belong to
// which positions. Pure arithmetic; the memory itself is kv/kv_memory.h.
//
// An arena is planes: matrices with a row a position. A layer of our own files is two of them: per
// kv head K as tiles of 16 positions [context/16][head_dim][16], then for all heads V as
// [context][head_dim] (docs/design/data-path.md), f16. A stock file's caches are planes as its
// program lays them out (model/state_layout.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kv/rows.h"
#include "model/manifest.h"

namespace etb::kv {

inline constexpr uint32_t kTilePositions = 16;  // positions of a tile
inline constexpr size_t kTileElement = 2;       // bytes: f16
// Arenas and programs of our own hold a padded context (model::padded_context), so whole tiles.
inline constexpr uint32_t kContextMultiple = model::kContextAlign;

// Rows of `groups` matrices that lie one behind the other, each with a row for every position: of
// the heads of K, say. 1 group: what a position takes lies together.
struct Plane {
  size_t offset = 0;       // of its first byte in the arena
  uint32_t groups = 0;     // matrices
  uint32_t positions = 0;  // rows of each
  uint32_t row_bytes = 0;  // of one position in one group
  uint32_t window = 0;     // positions a query sees, its own included; 0 = all
  bool tiled = false;      // the elements of 16 positions interleaved; else row behind row
  bool operator==(const Plane&) const = default;

  size_t group_bytes() const { return size_t{positions} * row_bytes; }
  size_t bytes() const { return groups * group_bytes(); }
  // Of one position in all groups.
  size_t position_bytes() const { return size_t{groups} * row_bytes; }
};

// Bytes [offset, offset + bytes) of the arena.
struct ByteRange {
  size_t offset = 0;
  size_t bytes = 0;
};

// A layer of our own files, `context` a multiple of kContextMultiple: appends its two planes.
struct LayerShape {
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t window = 0;
  size_t offset = 0;
};
void add_layer(const LayerShape& layer, uint32_t context, std::vector<Plane>& planes);

class Descriptor {
 public:
  Descriptor() = default;  // no planes
  // Checks that no size overflows, that planes have rows for `context` positions (of our own files
  // a multiple of kContextMultiple), lie inside `arena_bytes` and do not overlap.
  static Result<Descriptor> create(KvType type, uint32_t context, std::vector<Plane> planes,
                                   size_t arena_bytes);

  KvType type() const { return type_; }
  uint32_t context() const { return context_; }
  std::span<const Plane> planes() const { return planes_; }
  bool operator==(const Descriptor&) const = default;
  // Bytes that one position takes in all planes together.
  size_t bytes_per_token() const { return bytes_per_token_; }
  RowLayout row_layout() const;
  // The largest window of a plane that has one; 0 if every query sees everything.
  uint32_t largest_window() const { return largest_window_; }

  // Where a byte of a row lies. Precondition: inside; of a tiled plane the first of an element.
  size_t byte_offset(size_t plane, uint32_t group, uint32_t position, uint32_t byte) const;

  // The runs of bytes that hold rows [from, to) of a plane: what a copy of those rows moves. Tiled
  // runs are rounded outwards to whole tiles; the extra rows hold nothing that is ever read (beyond
  // the position) or were kept anyway (below `from`).
  std::vector<ByteRange> rows(size_t plane, uint32_t from, uint32_t to) const;
  // The runs of bytes to give back when rows [from, to) are needed no more and all rows below
  // `from` have been given back: tiled runs are rounded inwards at `to` and take along the tile
  // that was left over at `from`.
  std::vector<ByteRange> unneeded_rows(size_t plane, uint32_t from, uint32_t to) const;
  // The runs of bytes that rows [from, to) take and no row below `from` does: tiled runs begin at
  // the first tile that is theirs alone.
  std::vector<ByteRange> rows_after(size_t plane, uint32_t from, uint32_t to) const;

 private:
  std::vector<ByteRange> runs(const Plane& plane, uint32_t first, uint32_t last) const;

  KvType type_ = KvType::F16;
  uint32_t context_ = 0;
  uint32_t largest_window_ = 0;
  size_t bytes_per_token_ = 0;
  std::vector<Plane> planes_;
};

}  // namespace etb::kv
