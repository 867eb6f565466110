// What the bytes of a KV arena mean: which layers it holds, how their rows are addressed, and which
// byte ranges belong to which positions. Pure arithmetic; the memory itself is kv/kv_memory.h.
//
// A layer is, per kv head, K as tiles of 16 positions [context/16][head_dim][16], then for all
// heads V as [context][head_dim]: all K first, then all V (docs/design/data-path.md). Elements are
// f16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kv/rows.h"
#include "model/manifest.h"

namespace etb::kv {

inline constexpr uint32_t kTilePositions = 16;  // positions of a K tile
// Arenas and programs hold a padded context (model::padded_context), so whole tiles.
inline constexpr uint32_t kContextMultiple = model::kContextAlign;

struct LayerShape {
  uint32_t kv_heads = 0;
  uint32_t head_dim = 0;
  uint32_t window = 0;  // positions a query sees, its own included; 0 = all
  size_t offset = 0;    // of the layer's first byte in the arena
};

// Bytes [offset, offset + bytes) of the arena.
struct ByteRange {
  size_t offset = 0;
  size_t bytes = 0;
};

class Descriptor {
 public:
  Descriptor() = default;  // no layers
  // Checks that no size overflows, that layers lie inside `arena_bytes` and do not overlap.
  // `context` must be a multiple of kContextMultiple.
  static Result<Descriptor> create(KvType type, uint32_t context, std::vector<LayerShape> layers,
                                   size_t arena_bytes);

  KvType type() const { return type_; }
  uint32_t context() const { return context_; }
  std::span<const LayerShape> layers() const { return layers_; }
  // Bytes that one position takes in all layers together.
  size_t bytes_per_token() const { return bytes_per_token_; }
  size_t layer_bytes(size_t layer) const;
  // One position of one layer, keys and values.
  size_t row_bytes(size_t layer) const;
  RowLayout row_layout() const;
  // The largest window of a layer that has one; 0 if every layer sees everything.
  uint32_t largest_window() const { return largest_window_; }

  // Where one element lies. Precondition: inside.
  size_t key_offset(size_t layer, uint32_t head, uint32_t position, uint32_t dim) const;
  size_t value_offset(size_t layer, uint32_t head, uint32_t position, uint32_t dim) const;

  // The runs of bytes that hold rows [from, to) of a layer: what a copy of those rows moves. K runs
  // are rounded outwards to whole tiles; the extra rows hold nothing that is ever read (beyond the
  // position) or were kept anyway (below `from`).
  std::vector<ByteRange> rows(size_t layer, uint32_t from, uint32_t to) const;
  // The runs of bytes to give back when rows [from, to) are needed no more and all rows below
  // `from` have been given back: K runs are rounded inwards at `to` and take along the tile that
  // was left over at `from`.
  std::vector<ByteRange> unneeded_rows(size_t layer, uint32_t from, uint32_t to) const;
  // The runs of bytes that rows [from, to) take and no row below `from` does: K runs begin at the
  // first tile that is theirs alone.
  std::vector<ByteRange> rows_after(size_t layer, uint32_t from, uint32_t to) const;

 private:
  KvType type_ = KvType::F16;
  uint32_t context_ = 0;
  uint32_t largest_window_ = 0;
  size_t bytes_per_token_ = 0;
  std::vector<LayerShape> layers_;
};

}  // namespace etb::kv
