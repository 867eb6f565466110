// What the user's cache folder holds: files that can be made again. Their names tell what they are
// and what they were made of; what is old goes by itself.
//
// A name is STEM.HASH.vN.KIND: the source's name, sixteen digits over who the source is, the number
// of the format it was written in. Files of other numbers, and the least recently made beyond the
// folder's cap, go; never one younger than ten minutes, which another process may be about to open
// (so the folder may be larger than the cap for that long). Whoever has a file open keeps it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/stream_hash.h"
#include "platform/files.h"
#include "platform/mapped_file.h"

namespace etb::model {

struct CacheKind {
  std::string_view extension;
  uint32_t version;  // raised whenever what is written of the same source changes
};
inline constexpr CacheKind kImportedModel{".pte", 2};
inline constexpr CacheKind kPackedWeights{".packed", 1};
inline constexpr CacheKind kOpenedTokenizer{".tokenizer", 1};

inline constexpr uint64_t kCacheBytes = uint64_t{32} << 30;

// Who a file is: device, inode, size, time, its first MiB and samples of the rest. Milliseconds,
// whatever its size, and another answer for any file that was written to.
void add_identity(StreamHash& hash, const MappedFile& file);

std::string cache_file_name(std::string_view source_path, uint64_t hash, const CacheKind& kind);
// Of any kind; of this version or another.
bool is_cache_name(std::string_view name);
bool is_of_kind(std::string_view name, const CacheKind& kind);
// Of a kind and version that this build writes.
bool is_current_cache_name(std::string_view name);
// What a killed process left.
bool is_stale_temporary(const FolderEntry& entry);

// Drops what the folder need not keep; not `keep`. Failures only cost disk space: they are logged.
void shrink_cache(const std::string& folder, std::string_view keep, uint64_t max_bytes);

}  // namespace etb::model
