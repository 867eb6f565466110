#include "model/cache_files.h"

#include <algorithm>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/atomic_file.h"
#include "platform/paths.h"

namespace etb::model {
namespace {

constexpr CacheKind kKinds[] = {kImportedModel, kPackedWeights, kOpenedTokenizer};
constexpr uint64_t kHeadBytes = 1 << 20;
constexpr uint64_t kSamples = 16;
constexpr uint64_t kSampleBytes = 4096;
// A temporary this old belongs to nobody who still runs.
constexpr int64_t kStaleSeconds = 24 * 3600;
// A file this young may be on its way from its maker to whoever asked for it.
constexpr int64_t kYoungSeconds = 10 * 60;

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

std::string version_suffix(const CacheKind& kind) {
  return concat(".v", kind.version, kind.extension);
}

bool is_older(const FolderEntry& entry, int64_t seconds) {
  const int64_t modified = entry.identity.mtime_ns / 1'000'000'000;
  return modified + seconds < Clock::system().wall_seconds();
}

void remove_quietly(const std::string& folder, const FolderEntry& entry) {
  const std::string path = join_path(folder, entry.name);
  if (const Status status = remove_file(path); !status.ok()) {
    log(LogLevel::Warning, concat("cache: ", status.message()));
  }
}

}  // namespace

void add_identity(StreamHash& hash, const MappedFile& file) {
  const FileIdentity& id = file.identity();
  const uint64_t numbers[4] = {id.device, id.inode, id.size, static_cast<uint64_t>(id.mtime_ns)};
  hash.add({reinterpret_cast<const uint8_t*>(numbers), sizeof(numbers)});
  const auto bytes = file.bytes();
  const uint64_t head = std::min<uint64_t>(bytes.size(), kHeadBytes);
  hash.add(bytes.first(head));
  const uint64_t stride = (bytes.size() - head) / kSamples;
  for (uint64_t i = 0; i < kSamples && stride != 0; ++i) {
    const uint64_t at = head + i * stride;
    hash.add(bytes.subspan(at, std::min<uint64_t>(kSampleBytes, stride)));
  }
}

std::string cache_file_name(std::string_view source_path, uint64_t hash, const CacheKind& kind) {
  return concat(plain_stem(source_path), ".", hex(hash), version_suffix(kind));
}

bool is_of_kind(std::string_view name, const CacheKind& kind) {
  if (!name.ends_with(kind.extension)) return false;
  name.remove_suffix(kind.extension.size());
  const size_t version = name.rfind(".v");
  if (version == std::string_view::npos || version < 17) return false;
  const std::string_view digits = name.substr(version + 2);
  const std::string_view hash = name.substr(version - 17, 17);
  const auto among = [](std::string_view text, std::string_view set) {
    return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
  };
  return among(digits, "0123456789") && hash[0] == '.' && among(hash.substr(1), "0123456789abcdef");
}

bool is_cache_name(std::string_view name) {
  return std::ranges::any_of(kKinds, [name](const CacheKind& k) { return is_of_kind(name, k); });
}

bool is_current_cache_name(std::string_view name) {
  return std::ranges::any_of(kKinds, [name](const CacheKind& kind) {
    return is_of_kind(name, kind) && name.ends_with(version_suffix(kind));
  });
}

bool is_stale_temporary(const FolderEntry& entry) {
  return is_temporary_name(entry.name) && is_older(entry, kStaleSeconds);
}

void shrink_cache(const std::string& folder, std::string_view keep, uint64_t max_bytes) {
  const auto files = list_files(folder);
  if (!files.ok()) return;
  std::vector<FolderEntry> kept;
  uint64_t total = 0;
  for (const FolderEntry& entry : *files) {
    if (is_current_cache_name(entry.name)) {
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

}  // namespace etb::model
