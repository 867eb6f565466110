#include "kv/row_packing.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace etb::kv {
namespace {

constexpr size_t kElement = 2;  // f16
constexpr size_t kTileStride = kTilePositions * kElement;

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
      for (size_t layer = 0; layer < descriptor_.layers().size(); ++layer) {
        const uint32_t window = descriptor_.layers()[layer].window;
        move_layer(layer, std::max(from, first_needed(window, span.floor)), to);
      }
      from = to;
    }
  }

 private:
  // One layer's part of rows [from, to), which lie in one tile; empty if from >= to.
  void move_layer(size_t layer, uint32_t from, uint32_t to) {
    const LayerShape& shape = descriptor_.layers()[layer];
    const size_t head_bytes = shape.head_dim * kElement;
    for (uint32_t head = 0; head < shape.kv_heads; ++head) {
      for (uint32_t p = from; p < to; ++p) {
        Arena* const key = arena_ + descriptor_.key_offset(layer, head, p, 0);
        Packed* const row = packed_ + cursor_[p % kTilePositions] + head * head_bytes;
        for (uint32_t d = 0; d < shape.head_dim; ++d) {
          move_bytes(key + d * kTileStride, row + d * kElement, kElement);
        }
      }
      for (uint32_t p = from; p < to; ++p) {
        Packed* const row = packed_ + cursor_[p % kTilePositions];
        move_bytes(arena_ + descriptor_.value_offset(layer, head, p, 0),
                   row + (shape.kv_heads + head) * head_bytes, head_bytes);
      }
    }
    for (uint32_t p = from; p < to; ++p)
      cursor_[p % kTilePositions] += descriptor_.row_bytes(layer);
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
