// For tests: a model of no layers whose rows say which id they belong to, at the position they do.
#pragma once

#include <cstring>
#include <vector>

#include "kv/rows.h"

namespace etb::kv {

// `bytes` a position that see everything, and `window_bytes` behind a window of 32; 0: none.
inline ModelTag test_model(uint64_t key = 77, uint64_t bytes = 24, uint64_t window_bytes = 0) {
  ModelTag tag{key, "Test", KvType::F16, {}};
  if (bytes > 0) tag.layout.parts.push_back({0, bytes});
  if (window_bytes > 0) tag.layout.parts.push_back({32, window_bytes});
  return tag;
}

// What every byte of a row of one part is.
inline uint8_t test_byte(TokenId id, uint32_t position, size_t part) {
  return static_cast<uint8_t>(id * 31 + position * 7 + part * 101 + 3);
}

// Rows [from, to) of a conversation, as a sequence at `floor` would copy them.
inline Result<Rows> test_rows(const ModelTag& model, std::span<const TokenId> ids, uint32_t from,
                              uint32_t to, uint32_t floor = 0) {
  Rows rows;
  rows.from = from;
  rows.to = to;
  rows.floor = model.layout.complete(from, floor) ? 0 : floor;
  rows.model_key = model.key;
  rows.type = model.type;
  rows.ids.assign(ids.begin() + from, ids.begin() + to);
  ETB_ASSIGN_OR_RETURN(rows.bytes,
                       AnonymousMemory::reserve(model.layout.bytes(from, to, rows.floor)));
  uint8_t* at = rows.bytes.data();
  for (uint32_t p = from; p < to; ++p) {
    for (size_t i = 0; i < model.layout.parts.size(); ++i) {
      const RowLayout::Part& part = model.layout.parts[i];
      if (p < first_needed(part.window, rows.floor)) continue;
      std::memset(at, test_byte(ids[p], p, i), part.bytes);
      at += part.bytes;
    }
  }
  return rows;
}

inline bool same_rows(const RowsView& a, const RowsView& b) {
  return a.from == b.from && a.to == b.to && a.floor == b.floor && a.model_key == b.model_key &&
         std::equal(a.ids.begin(), a.ids.end(), b.ids.begin(), b.ids.end()) &&
         std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
}

}  // namespace etb::kv
