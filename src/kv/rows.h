// Rows: the keys and values of a run of positions outside any arena - copied out of one, or mapped
// from a file. What crosses sequences, the prefix store and session files.
//
// The bytes: position after position; within a position plane after plane (kv/descriptor.h), each
// with its groups: of our own files layer after layer the key of every kv head,
// [kv_heads][head_dim], then their values, the same; elements f16 as the arena has them. Nothing in
// it depends on the context length or on tiles, and a part of the positions is a part of the bytes.
// A plane with a sliding window leaves out the positions that no query from `floor` on can see
// (first_needed() below): the window has given them back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "model/manifest.h"
#include "platform/anonymous_memory.h"

namespace etb::kv {

using model::KvType;

// Part of every model key. Raise it when the bytes above change, or the arithmetic that makes them:
// rows kept by an older build are then of "another model".
inline constexpr uint32_t kRowsVersion = 1;

// The first position that a query at `floor` or later can see through `window` (0: all of them).
uint32_t first_needed(uint32_t window, uint32_t floor);

// What a position takes, layers of equal window together.
struct RowLayout {
  struct Part {
    uint32_t window = 0;  // positions; 0 = all
    uint64_t bytes = 0;   // of one position, in all layers of that window
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts{};  // by window, each once; empty: rows are their ids alone

  // Of the rows [from, to) with what `floor` leaves out left out.
  uint64_t bytes(uint32_t from, uint32_t to, uint32_t floor) const;
  // Whether rows from `from` on lack nothing although their floor is `floor`.
  bool complete(uint32_t from, uint32_t floor) const;
  bool operator==(const RowLayout&) const = default;
};

// Whose rows they are. Equal keys: the same weights, graph, KV type and kRowsVersion.
struct ModelTag {
  uint64_t key = 0;    // 0: a model whose rows are out of reach
  std::string name{};  // for messages
  KvType type = KvType::F16;
  RowLayout layout{};
};

// Rows [from, to), borrowed: valid as long as whoever owns the bytes.
struct RowsView {
  uint32_t from = 0;
  uint32_t to = 0;
  // The lowest position a sequence that takes these rows may go on from or rewind to; 0: any, no
  // row is left out. May lie beyond `to`: then more rows must follow.
  uint32_t floor = 0;
  uint64_t model_key = 0;
  KvType type = KvType::F16;
  std::span<const TokenId> ids{};    // to - from
  std::span<const uint8_t> bytes{};  // layout.bytes(from, to, floor)
};

// The same, owned.
struct Rows {
  uint32_t from = 0;
  uint32_t to = 0;
  uint32_t floor = 0;
  uint64_t model_key = 0;
  KvType type = KvType::F16;
  std::vector<TokenId> ids{};
  AnonymousMemory bytes{};

  RowsView view() const;
};

// A view and who keeps its bytes alive.
struct HeldRows {
  RowsView rows;
  std::shared_ptr<const void> owner;
};

// Rows [from, to) out of `rows`, nothing copied. Precondition: rows.from <= from <= to <= rows.to,
// and the view fits `layout`.
RowsView slice(const RowsView& rows, uint32_t from, uint32_t to, const RowLayout& layout);

// An owned copy. OutOfMemory.
Result<Rows> copy_of(const RowsView& rows);

// InvalidArgument: of another model (both are named) or another KV type. Corrupt: positions, ids
// and bytes do not belong together.
Status check_rows(const RowsView& rows, const ModelTag& model);

}  // namespace etb::kv
