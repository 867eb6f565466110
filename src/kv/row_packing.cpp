#include "kv/row_packing.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace etb::kv {
namespace {

constexpr size_t kTileStride = kTilePositions * kTileElement;

// Moves between `arena` and `packed`; the const one of the two is where bytes come from.
template <class Arena, class Packed>
class RowMover {
 public:
  RowMover(const Descriptor& descriptor, Arena* arena, Packed* packed)
      : descriptor_(descriptor), arena_(arena), packed_(packed) {}

  // Tile after tile: of each, what is read and written stays in the nearest cache.
  void move(const RowSpan& span) {
    const RowLayout layout = descriptor_.row_layout();
    size_t done = 0;
    for (uint32_t from = span.from; from < span.to;) {
      const uint32_t to = std::min(span.to, (from / kTilePositions + 1) * kTilePositions);
      for (uint32_t p = from; p < to; ++p) {
        cursor_[p % kTilePositions] = done;
        done += layout.bytes(p, p + 1, span.floor);
      }
      for (size_t plane = 0; plane < descriptor_.planes().size(); ++plane) {
        const uint32_t window = descriptor_.planes()[plane].window;
        move_plane(plane, std::max(from, first_needed(window, span.floor)), to);
      }
      from = to;
    }
  }

 private:
  // One plane's part of rows [from, to), which lie in one tile; empty if from >= to.
  void move_plane(size_t plane, uint32_t from, uint32_t to) {
    const Plane& shape = descriptor_.planes()[plane];
    for (uint32_t group = 0; group < shape.groups; ++group) {
      for (uint32_t p = from; p < to; ++p) {
        Arena* const place = arena_ + descriptor_.byte_offset(plane, group, p, 0);
        Packed* const row = packed_ + cursor_[p % kTilePositions] + size_t{group} * shape.row_bytes;
        if (shape.tiled) {
          move_tiled(place, row, shape.row_bytes / kTileElement);
        } else {
          move_bytes(place, row, shape.row_bytes);
        }
      }
    }
    for (uint32_t p = from; p < to; ++p) cursor_[p % kTilePositions] += shape.position_bytes();
  }

  static void move_tiled(Arena* place, Packed* row, size_t elements) {
    for (size_t i = 0; i < elements; ++i) {
      move_bytes(place + i * kTileStride, row + i * kTileElement, kTileElement);
    }
  }

  static void move_bytes(Arena* arena, Packed* packed, size_t bytes) {
    if constexpr (std::is_const_v<Arena>) {
      std::memcpy(packed, arena, bytes);
    } else {
      std::memcpy(arena, packed, bytes);
    }
  }

  const Descriptor& descriptor_;
  Arena* arena_;
  Packed* packed_;
  size_t cursor_[kTilePositions] = {};  // how far into `packed_` each row of the tile has come
};

}  // namespace

void pack_rows(const Descriptor& descriptor, const RowSpan& span, const uint8_t* arena,
               uint8_t* packed) {
  RowMover(descriptor, arena, packed).move(span);
}

void unpack_rows(const Descriptor& descriptor, const RowSpan& span, const uint8_t* packed,
                 uint8_t* arena) {
  RowMover(descriptor, arena, packed).move(span);
}

}  // namespace etb::kv
