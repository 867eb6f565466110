// The cache of imported models: hits, and what is made when there is none.
#include "import/cache.h"

#include "base/log.h"
#include "base/text.h"
#include "import/gguf_model.h"
#include "model/cache_files.h"
#include "model/manifest.h"
#include "model/pte_file.h"
#include "model/stream_hash.h"
#include "platform/atomic_file.h"
#include "platform/files.h"
#include "platform/mapped_file.h"
#include "platform/paths.h"

namespace etb::import {
namespace {

Result<std::string> cache_name(const std::string& gguf_path) {
  ETB_ASSIGN_OR_RETURN(const auto parts, gguf_part_paths(gguf_path));
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
  for (const std::string& part : parts) {
    ETB_ASSIGN_OR_RETURN(const auto file, MappedFile::open(part));
    model::add_identity(hash, *file);
  }
  return model::cache_file_name(gguf_path, hash.value(), model::kImportedModel);
}

// The manifest of a cached file; an error if the file cannot be used.
Result<model::Manifest> read_manifest(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const auto pte, model::PteFile::open(path));
  return pte.manifest();
}

// An empty name means the user's cache folder.
Result<std::string> actual_folder(const std::string& folder) {
  if (folder.empty()) return cache_folder();
  return folder;
}

Result<std::vector<FolderEntry>> files_in(const std::string& folder) {
  if (!is_folder(folder)) return std::vector<FolderEntry>();
  return list_files(folder);
}

CacheContent content_of(std::string_view name) {
  if (model::is_of_kind(name, model::kPackedWeights)) return CacheContent::PackedWeights;
  if (model::is_of_kind(name, model::kOpenedTokenizer)) return CacheContent::Tokenizer;
  return CacheContent::Import;
}

}  // namespace

Result<std::string> cached_model(const std::string& gguf_path, const CacheOptions& options) {
  ETB_ASSIGN_OR_RETURN(const std::string folder, actual_folder(options.folder));
  ETB_ASSIGN_OR_RETURN(const std::string name, cache_name(gguf_path));
  const std::string path = join_path(folder, name);
  if (file_identity(path).ok()) {
    const auto manifest = read_manifest(path);
    if (manifest.ok()) return path;
    log(LogLevel::Warning, concat("cache: imported again, since ", manifest.status().message()));
  }
  ETB_RETURN_IF_ERROR(make_folders(folder));
  ImportOptions import_options;
  import_options.progress = options.progress;
  import_options.cancel = options.cancel;
  ETB_RETURN_IF_ERROR(import_gguf(gguf_path, path, import_options).status());
  model::shrink_cache(folder, name, options.max_bytes);
  return path;
}

Result<std::vector<CacheEntry>> list_cache(const std::string& where) {
  ETB_ASSIGN_OR_RETURN(const std::string folder, actual_folder(where));
  ETB_ASSIGN_OR_RETURN(const auto files, files_in(folder));
  std::vector<CacheEntry> entries;
  for (const FolderEntry& file : files) {
    if (!model::is_cache_name(file.name) && !is_temporary_name(file.name)) continue;
    CacheEntry entry;
    entry.path = join_path(folder, file.name);
    entry.bytes = file.identity.size;
    entry.modified_ns = file.identity.mtime_ns;
    entry.current = model::is_current_cache_name(file.name);
    entry.content = content_of(file.name);
    if (entry.content != CacheContent::Import) {
      entry.model = file_stem(file.name.substr(0, file.name.rfind(".v")));
    } else if (const auto manifest = read_manifest(entry.path); manifest.ok()) {
      entry.model = manifest->name;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<uint64_t> clear_cache(const std::string& where) {
  ETB_ASSIGN_OR_RETURN(const std::string folder, actual_folder(where));
  ETB_ASSIGN_OR_RETURN(const auto files, files_in(folder));
  uint64_t freed = 0;
  for (const FolderEntry& file : files) {
    if (!model::is_cache_name(file.name) && !model::is_stale_temporary(file)) continue;
    ETB_RETURN_IF_ERROR(remove_file(join_path(folder, file.name)));
    freed += file.identity.size;
  }
  return freed;
}

}  // namespace etb::import
