// The program part of our own .pte: extended header and FlatBuffer, a few tens of kilobytes,
// written from a manifest in well under a millisecond. The importer writes it into the file; the
// loader writes it again for another context, prefill chunk or KV type.
//
// How a re-emitted program is served. Pass `segment_base` = the file's own (PteFile). The bytes
// returned then stand for the file's bytes [0, returned size), and every offset at or beyond
// `segment_base` is served from the file's mapping as it is. A program that does not fit below the
// file's base is refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/manifest.h"

namespace etb::import {

inline constexpr uint64_t kSegmentAlign = 16384;  // of every segment in the file

struct NamedSegment {
  std::string key;
  uint64_t size = 0;
};

struct ProgramOptions {
  uint32_t context = 0;  // 0: the manifest's default; padded to 64
  uint32_t chunk = 0;    // 0: the manifest's default
  model::KvType kv_type = model::KvType::F16;
  uint64_t segment_base = 0;             // 0: chosen, with room for a larger program later
  std::vector<NamedSegment> named = {};  // follow the constants, each aligned to kSegmentAlign
};

// InvalidArgument: the manifest lacks a tensor that its family needs, or one has the wrong size, or
// a planned tensor would not fit (names it).
Result<std::vector<uint8_t>> emit_program(const model::Manifest& manifest,
                                          const ProgramOptions& options);

// Segment 0 (constants) and then `named`, as the program's segment table has them.
struct SegmentPlace {
  uint64_t offset = 0;  // from the segment base
  uint64_t size = 0;
};
std::vector<SegmentPlace> place_segments(uint64_t constant_bytes,
                                         const std::vector<NamedSegment>& named);

}  // namespace etb::import
