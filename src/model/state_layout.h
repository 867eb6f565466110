// What a stock program keeps from one run to the next - its KV cache - and where: read off the
// instructions that write it. Copies of such rows stand for what was run only if nothing else is
// kept; so whatever is not recognised for certain makes the state opaque.
//
// Recognised are the two ways in which exporters write a cache: the custom operator
// llama::update_cache, and aten::index_put at the positions with aten::copy_ of the result into
// the cache. A cache has at least as many rows as the context: row p is position p, whatever
// modulus an exporter takes of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/flat_reader.h"

namespace etb::model {

// `groups` matrices one behind the other, each with a row for each of `positions`.
struct StateBuffer {
  uint32_t memory_id = 0;  // of planned memory, from 1
  uint64_t offset = 0;     // in it
  uint64_t groups = 0;
  uint64_t positions = 0;
  uint64_t row_bytes = 0;
  auto operator<=>(const StateBuffer&) const = default;
};

struct StateLayout {
  std::vector<StateBuffer> buffers;  // all in one memory; sorted, each once; may overlap
  std::string opaque;                // why rows cannot be copied; empty: they can
};

// Of these methods together, which must have the same state. Preconditions: check_structure() and
// the pre-check were Ok; `context` > 0.
StateLayout state_layout(Bytes program, std::span<const std::string> methods, uint64_t context);

}  // namespace etb::model
