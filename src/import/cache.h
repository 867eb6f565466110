// Imported models, kept in the user's cache folder so that a .gguf is imported once; the folder
// holds packed weights and tokenizers of stock files too, and model/cache_files.h says how names
// are made and what goes when. Two importers of one file at once write the same bytes and the later
// rename wins. Whoever waits long to open an entry may find it gone, and asks again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "import/importer.h"
#include "model/cache_files.h"

namespace etb::import {

struct CacheOptions {
  std::string folder = {};  // empty: platform's cache_folder()
  uint64_t max_bytes = model::kCacheBytes;
  ImportProgress progress = {};
  const CancelToken* cancel = nullptr;
};

enum class CacheContent {
  Import,
  PackedWeights,  // that a backend packed (runner/packed_weights.h)
  Tokenizer,      // that was published in files beside a model (engine/tokenizer_cache.h)
};

struct CacheEntry {
  std::string path;
  uint64_t bytes = 0;
  int64_t modified_ns = 0;
  bool current = false;  // false: another format version, or left over; dropped at the next import
  CacheContent content = CacheContent::Import;
  std::string model;  // what an import says of itself, empty if it does not read; else its name
};

// The .pte of a .gguf: from the cache, or imported into it now.
Result<std::string> cached_model(const std::string& gguf_path, const CacheOptions& options);

// Both take an empty name for platform's cache_folder(). Ok and empty if there is no folder yet.
Result<std::vector<CacheEntry>> list_cache(const std::string& where);
// Bytes freed. Removes only what the cache itself writes.
Result<uint64_t> clear_cache(const std::string& where);

}  // namespace etb::import
