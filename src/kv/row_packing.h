// Between an arena (K in tiles, V in rows, by head) and packed rows (kv/rows.h). Exact both ways;
// touches no byte of other rows. Pure: whoever calls has checked that arena, span and descriptor
// belong together.
#pragma once

#include <cstdint>

#include "kv/descriptor.h"
#include "kv/rows.h"

namespace etb::kv {

struct RowSpan {
  uint32_t from = 0;
  uint32_t to = 0;
  uint32_t floor = 0;  // as RowsView::floor
};

// Writes descriptor.row_layout().bytes(from, to, floor) bytes to `packed`.
void pack_rows(const Descriptor& descriptor, const RowSpan& span, const uint8_t* arena,
               uint8_t* packed);
// Reads as many.
void unpack_rows(const Descriptor& descriptor, const RowSpan& span, const uint8_t* packed,
                 uint8_t* arena);

}  // namespace etb::kv
