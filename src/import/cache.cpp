// The cache folder: names, hits, and what goes when it grows.
#include "import/cache.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "import/gguf_model.h"
#include "model/manifest.h"
#include "model/pte_file.h"
#include "model/stream_hash.h"
#include "platform/files.h"
#include "platform/mapped_file.h"
#include "platform/paths.h"

namespace etb::import {
namespace {

// Part of a name: raised whenever what the importer writes changes.
constexpr uint32_t kCacheVersion = 2;
constexpr uint64_t kHeadBytes = 1 << 20;
constexpr uint64_t kSamples = 16;
constexpr uint64_t kSampleBytes = 4096;
// A temporary this old belongs to no importer that still runs.
constexpr int64_t kStaleSeconds = 24 * 3600;
// An entry this young may be on its way from its importer to whoever asked for it.
constexpr int64_t kYoungSeconds = 10 * 60;

std::string version_suffix() {
  return concat(".v", kCacheVersion, ".pte");
}

// The file's name with only what every file system takes.
std::string plain_stem(std::string_view path) {
  std::string stem(file_stem(path).substr(0, 80));
  for (char& c : stem) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  return stem;
}

// STEM.<16 hex digits>.v<number>.pte
bool is_cache_name(std::string_view name) {
  constexpr std::string_view kExtension = ".pte";
  if (!name.ends_with(kExtension)) return false;
  name.remove_suffix(kExtension.size());
  const size_t version = name.rfind(".v");
  if (version == std::string_view::npos || version < 17) return false;
  const std::string_view digits = name.substr(version + 2);
  const std::string_view hash = name.substr(version - 17, 17);
  const auto among = [](std::string_view text, std::string_view set) {
    return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
  };
  return among(digits, "0123456789") && hash[0] == '.' && among(hash.substr(1), "0123456789abcdef");
}

// Who the source is: cheap, and different for any file that was written to.
Status hash_part(const std::string& path, model::StreamHash& hash) {
  ETB_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  const FileIdentity& id = file->identity();
  const uint64_t numbers[4] = {id.device, id.inode, id.size, static_cast<uint64_t>(id.mtime_ns)};
  hash.add({reinterpret_cast<const uint8_t*>(numbers), sizeof(numbers)});
  const auto bytes = file->bytes();
  const uint64_t head = std::min<uint64_t>(bytes.size(), kHeadBytes);
  hash.add(bytes.first(head));
  const uint64_t stride = (bytes.size() - head) / kSamples;
  for (uint64_t i = 0; i < kSamples && stride != 0; ++i) {
    const uint64_t at = head + i * stride;
    hash.add(bytes.subspan(at, std::min<uint64_t>(kSampleBytes, stride)));
  }
  return {};
}

Result<std::string> cache_name(const std::string& gguf_path) {
  ETB_ASSIGN_OR_RETURN(const auto parts, gguf_part_paths(gguf_path));
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
  for (const std::string& part : parts) ETB_RETURN_IF_ERROR(hash_part(part, hash));
  char hex[17];
  std::snprintf(hex, sizeof(hex), "%016llx", static_cast<unsigned long long>(hash.value()));
  return concat(plain_stem(gguf_path), ".", std::string_view(hex), version_suffix());
}

// The manifest of a cached file; an error if the file cannot be used.
Result<model::Manifest> read_manifest(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const auto pte, model::PteFile::open(path));
  return pte.manifest();
}

bool is_current(std::string_view name) {
  return is_cache_name(name) && name.ends_with(version_suffix());
}

bool is_older(const FolderEntry& entry, int64_t seconds) {
  const int64_t modified = entry.identity.mtime_ns / 1'000'000'000;
  return modified + seconds < Clock::system().wall_seconds();
}

bool is_stale_temporary(const FolderEntry& entry) {
  return is_temporary_name(entry.name) && is_older(entry, kStaleSeconds);
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

void remove_quietly(const std::string& folder, const FolderEntry& entry) {
  const std::string path = join_path(folder, entry.name);
  if (const Status status = remove_file(path); !status.ok()) {
    log(LogLevel::Warning, concat("cache: ", status.message()));
  }
}

// Old versions and stale temporaries go first, then the least recently imported until the rest
// fits; nothing young does. A file in use stays readable for whoever has it mapped. Failures only
// cost disk space.
void shrink(const std::string& folder, std::string_view keep, uint64_t max_bytes) {
  const auto files = files_in(folder);
  if (!files.ok()) return;
  std::vector<FolderEntry> kept;
  uint64_t total = 0;
  for (const FolderEntry& entry : *files) {
    if (is_current(entry.name)) {
      kept.push_back(entry);
      total += entry.identity.size;
    } else if (is_stale_temporary(entry) ||
               (is_cache_name(entry.name) && is_older(entry, kYoungSeconds))) {
      remove_quietly(folder, entry);
    }
  }
  std::ranges::sort(kept, {}, [](const FolderEntry& e) { return e.identity.mtime_ns; });
  for (const FolderEntry& entry : kept) {
    if (total <= max_bytes) break;
    if (entry.name == keep || !is_older(entry, kYoungSeconds)) continue;
    remove_quietly(folder, entry);
    total -= entry.identity.size;
  }
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
  shrink(folder, name, options.max_bytes);
  return path;
}

Result<std::vector<CacheEntry>> list_cache(const std::string& where) {
  ETB_ASSIGN_OR_RETURN(const std::string folder, actual_folder(where));
  ETB_ASSIGN_OR_RETURN(const auto files, files_in(folder));
  std::vector<CacheEntry> entries;
  for (const FolderEntry& file : files) {
    if (!is_cache_name(file.name) && !is_temporary_name(file.name)) continue;
    CacheEntry entry;
    entry.path = join_path(folder, file.name);
    entry.bytes = file.identity.size;
    entry.modified_ns = file.identity.mtime_ns;
    entry.current = is_current(file.name);
    if (const auto manifest = read_manifest(entry.path); manifest.ok()) {
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
    if (!is_cache_name(file.name) && !is_stale_temporary(file)) continue;
    ETB_RETURN_IF_ERROR(remove_file(join_path(folder, file.name)));
    freed += file.identity.size;
  }
  return freed;
}

}  // namespace etb::import
