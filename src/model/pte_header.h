// The first bytes of a .pte: where the program ends and the segments begin. Ours has a longer
// header than the runtime writes, with a checksum of the program part; the runtime skips it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/status.h"

namespace etb::model {

// Byte positions in the file. The header begins behind the FlatBuffer's root offset and identifier.
inline constexpr size_t kHeaderAt = 8;  // "eh00", u32 length, u64 program size, u64 segment base,
                                        // u64 segment data size
inline constexpr uint32_t kRuntimeHeaderLength = 32;
inline constexpr size_t kChecksumAt = kHeaderAt + kRuntimeHeaderLength;  // u64, ours
inline constexpr uint32_t kOwnHeaderLength = kRuntimeHeaderLength + 8;
inline constexpr size_t kSmallestPte = 64;  // the runtime reads that many bytes first

struct PteHeader {
  uint32_t length = 0;               // 0: no extended header, the whole file is the program
  uint64_t program_size = 0;         // from byte 0
  uint64_t segment_base = 0;         // 0: no segments
  uint64_t segment_data_size = 0;    // 0 in files of old writers
  std::optional<uint64_t> checksum;  // if the header is long enough to hold one
};

// Whether the bytes begin as a .pte of any format version does.
bool looks_like_pte(std::span<const uint8_t> head);

// `head` may be the whole file or its program part; `total_bytes` is the size of the whole.
// Corrupt: not a .pte, a program cut short, numbers that cannot be. Unsupported: a newer
// identifier.
Result<PteHeader> parse_header(std::span<const uint8_t> head, uint64_t total_bytes);

// XXH3-64 over the program part with the 8 bytes at kChecksumAt taken as zeros. OutOfMemory.
// Precondition: program.size() >= kSmallestPte.
Result<uint64_t> program_checksum(std::span<const uint8_t> program);

}  // namespace etb::model
