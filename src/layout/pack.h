// From the rows of a GGUF tensor to a packed blob, row group by row group: constant memory whatever
// the size. Values are kept exactly, except that the products of K-quant scales (super-block scale
// times 6- or 8-bit scale) are rounded to f16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "layout/gguf_blocks.h"
#include "layout/layout.h"

namespace etb::layout {

// Q4_0 W4S; Q4_1, Q4_K W4A; Q5_0, Q8_0 W8S; Q5_1, Q5_K W8A; Q6_K W8G16; floats as they are.
WeightFormat packed_format(GgmlType type);

// Which source row an output row comes from. The converter of `llama` files turns each head's pairs
// (i, i + n_rot/2) into (2i, 2i + 1); this turns them back. n_rot = 0: rows stay where they are.
struct RowOrder {
  size_t head_dim = 0;
  size_t n_rot = 0;
  size_t source_row(size_t row) const {
    if (n_rot == 0) return row;
    const size_t in_head = row % head_dim;
    if (in_head >= n_rot) return row;
    const size_t half = n_rot / 2;
    return row - in_head + 2 * (in_head % half) + in_head / half;
  }
};

struct RowSource {
  GgmlType type{};
  size_t rows = 0;
  size_t cols = 0;
  std::span<const uint8_t> bytes;  // rows * row_bytes(type, cols)
  RowOrder order;
};

// InvalidArgument unless the sizes fit each other, cols is a multiple of 32 and of the block.
Status check_source(const RowSource& source);

BlobHeader blob_header(const RowSource& source, uint64_t checksum);

// Writes row groups [first, first + count) to `out` (count * group_bytes bytes).
// Preconditions: check_source(source) is Ok; the groups exist.
void pack_groups(const RowSource& source, size_t first, size_t count, uint8_t* out);

}  // namespace etb::layout
