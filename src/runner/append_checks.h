// What every kind of sequence checks before it takes rows; see Sequence::append_rows.
#pragma once

#include "runner/sequence.h"

namespace etb::runner {

// Each a token of the vocabulary or, if `media`, a position of an image or sound.
Status check_ids(std::span<const TokenId> ids, uint32_t vocab, bool media = false);
// Rows that begin at the position and fit.
Status check_place(const kv::RowsView& rows, uint32_t position, uint32_t capacity);
// Whether `to` can be reached from `mine` with the rows of `other`.
Status check_common(const Sequence& mine, const Sequence& other, uint32_t to);

}  // namespace etb::runner
