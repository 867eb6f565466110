#include "kv/prefix_store.h"

#include <xxhash.h>

#include <algorithm>
#include <new>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "platform/atomic_file.h"
#include "platform/paths.h"

namespace etb::kv {
namespace {

constexpr std::string_view kSuffix = ".etbrows";
constexpr size_t kNodeOverhead = 512;    // of a node's own book-keeping, roughly
constexpr int64_t kStaleSeconds = 3600;  // a temporary so old belongs to no process that runs

size_t cost(uint64_t row_bytes, size_t ids) {
  const size_t page = page_size();
  return (row_bytes + page - 1) / page * page + 2 * ids * sizeof(TokenId) + kNodeOverhead;
}

size_t cost_of(const PrefixNode& node) {
  return node.rows ? cost(node.rows->bytes.size(), node.ids.size()) : 0;
}

std::vector<TokenId> path_to(const PrefixNode& node) {
  std::vector<TokenId> ids(node.to());
  for (const PrefixNode* at = &node; at->parent != nullptr; at = at->parent) {
    std::copy(at->ids.begin(), at->ids.end(), ids.begin() + at->from);
  }
  return ids;
}

// Failures only cost disk space: the next start finds the file again.
void remove_quietly(const std::string& path) try {
  const Status status = remove_file(path);
  if (!status.ok()) log(LogLevel::Warning, concat("prefix store: ", status.message()));
} catch (const std::bad_alloc&) {
}

bool is_stale_temporary(const FolderEntry& entry) {
  const int64_t modified = entry.identity.mtime_ns / 1'000'000'000;
  return is_temporary_name(entry.name) && modified + kStaleSeconds < Clock::system().wall_seconds();
}

}  // namespace

PrefixStore::PrefixStore(PrefixStoreOptions options)
    : options_(std::move(options)), tree_(options_.model.layout) {}

Result<std::unique_ptr<PrefixStore>> PrefixStore::create(PrefixStoreOptions options) {
  if (options.model.key == 0) {
    return Status(StatusCode::InvalidArgument,
                  concat("the KV rows of '", options.model.name, "' cannot be kept"));
  }
  std::unique_ptr<PrefixStore> store(new PrefixStore(std::move(options)));
  if (!store->options_.folder.empty()) ETB_RETURN_IF_ERROR(store->open_folder());
  return store;
}

// ---- looking up ---------------------------------------------------------------------------------

uint32_t PrefixStore::longest_prefix(std::span<const TokenId> ids) const {
  return tree_.match(ids).usable;
}

Result<HeldRows> PrefixStore::rows_of(PrefixNode& node) {
  if (node.rows) return HeldRows{node.rows->view(), node.rows};
  if (node.file->open == nullptr) {
    ETB_ASSIGN_OR_RETURN(const auto file, SessionFile::open(node.file->path));
    ETB_RETURN_IF_ERROR(file->check_model(options_.model));
    ETB_ASSIGN_OR_RETURN(const RowsView rows, file->rows());
    const bool same = file->from() <= node.from && file->to() >= node.to() &&
                      std::equal(node.ids.begin(), node.ids.end(), file->ids().begin() + node.from);
    if (!same) {
      return Status(StatusCode::Corrupt, concat("'", node.file->path, "' is another file now"));
    }
    node.file->rows = rows;
    node.file->open = file;
  }
  return HeldRows{node.file->rows, node.file->open};
}

Result<std::vector<HeldRows>> PrefixStore::fetch(std::span<const TokenId> ids, uint32_t from,
                                                 uint32_t to) try {
  const Status missing(StatusCode::NotFound, concat("no rows ", from, " to ", to, " in the store"));
  if (from > to || to > ids.size()) return missing;
  const PrefixMatch found = tree_.match(ids.first(to));
  if (found.usable != to) return missing;
  std::vector<HeldRows> held;
  if (from == to) return held;
  tree_.touch(found.node);
  for (PrefixNode* node = found.node; node->parent != nullptr && node->to() > from;
       node = node->parent) {
    auto rows = rows_of(*node);
    if (!rows.ok()) {
      if (rows.status().code() != StatusCode::OutOfMemory) remove(node);
      return rows.status();
    }
    rows->rows = slice(rows->rows, std::max(from, node->from), std::min(to, node->to()),
                       options_.model.layout);
    held.push_back(std::move(*rows));
  }
  std::reverse(held.begin(), held.end());
  ++stats_.hits;
  stats_.hit_tokens += to - from;
  return held;
} catch (const std::bad_alloc&) {
  return Status(StatusCode::OutOfMemory, "no memory to look into the prefix store");
}

PrefixStats PrefixStore::stats() const {
  PrefixStats stats = stats_;
  stats.nodes = tree_.nodes_in_memory();
  stats.disk_nodes = tree_.nodes_on_disk();
  return stats;
}

// ---- keeping ------------------------------------------------------------------------------------

uint32_t PrefixStore::insert(std::span<const TokenId> ids, const RowCopier& copy) {
  pinned_after_ = tree_.last_tick();
  try {
    const Status status = insert_new(ids, copy);
    if (!status.ok()) log(LogLevel::Debug, concat("prefix store: ", status.message()));
  } catch (const std::bad_alloc&) {
    log(LogLevel::Info, "prefix store: no memory for more rows");
  }
  pinned_after_ = UINT64_MAX;
  static_cast<void>(make_room(0));
  return longest_prefix(ids);
}

Status PrefixStore::insert_new(std::span<const TokenId> ids, const RowCopier& copy) {
  const PrefixMatch found = tree_.match(ids);
  PrefixNode* node = found.node;
  tree_.touch(node);
  if (found.length < ids.size() && found.length < node->to()) {
    const size_t before = cost_of(*node);
    ETB_ASSIGN_OR_RETURN(PrefixNode * upper, tree_.split(node, found.length));
    stats_.bytes = stats_.bytes - before + cost_of(*node) + cost_of(*upper);
    node = upper;
  }
  while (node->to() < ids.size()) {
    ETB_ASSIGN_OR_RETURN(node, add_rows(node, ids, copy));
  }
  return {};
}

Result<PrefixNode*> PrefixStore::add_rows(PrefixNode* parent, std::span<const TokenId> ids,
                                          const RowCopier& copy) {
  const uint32_t from = parent->to();
  const auto end = static_cast<uint32_t>(ids.size());
  const uint32_t to = std::min(end, (from / kNodePositions + 1) * kNodePositions);
  if (!make_room(cost(options_.model.layout.bytes(from, to, 0), to - from))) {
    return Status(StatusCode::OutOfMemory, concat("rows ", from, " to ", to, " exceed its budget"));
  }
  ETB_ASSIGN_OR_RETURN(Rows rows, copy(from, to));
  ETB_RETURN_IF_ERROR(check_rows(rows.view(), options_.model));
  if (rows.from != from || rows.to != to ||
      !std::equal(rows.ids.begin(), rows.ids.end(), ids.begin() + from)) {
    return Status(StatusCode::InvalidArgument, concat("rows ", from, " to ", to, " are others"));
  }
  PrefixNode parts;
  parts.from = from;
  parts.floor = rows.floor;
  parts.ids = rows.ids;
  parts.rows = std::make_shared<const Rows>(std::move(rows));
  PrefixNode* const added = tree_.add(parent, std::move(parts));
  stats_.bytes += cost_of(*added);
  return added;
}

void PrefixStore::set_budget(size_t bytes) {
  options_.budget_bytes = bytes;
  static_cast<void>(make_room(0));
}

bool PrefixStore::make_room(size_t bytes) {
  if (bytes > options_.budget_bytes) return false;
  while (stats_.bytes > options_.budget_bytes - bytes) {
    PrefixNode* const oldest = tree_.oldest_in_memory();
    if (oldest == nullptr || oldest->tick > pinned_after_) return false;
    evict(oldest);
  }
  return true;
}

// ---- leaving ------------------------------------------------------------------------------------

void PrefixStore::evict(PrefixNode* node) {
  ++stats_.evictions;
  std::shared_ptr<StoredRows> file = store(*node);
  if (file == nullptr) return remove(node);
  stats_.bytes -= cost_of(*node);
  tree_.move_to_file(node, std::move(file));
}

std::shared_ptr<StoredRows> PrefixStore::store(const PrefixNode& node) try {
  if (options_.folder.empty()) return nullptr;
  const std::vector<TokenId> ids = path_to(node);
  const SessionContent content{options_.model, 0, node.from, node.floor, ids, {}, false};
  const auto bytes = session_bytes(content);
  if (!bytes.ok() || !make_disk_room(*bytes, node.tick)) return nullptr;
  const uint64_t hash = XXH3_64bits_withSeed(ids.data(), ids.size() * sizeof(TokenId), node.from);
  auto file = std::make_shared<StoredRows>();
  file->path = join_path(options_.folder, concat(hex(options_.model.key), "-", hex(hash), kSuffix));
  file->bytes = *bytes;
  const Status status = write_session(file->path, content, node.rows->view(), options_.disk_faults);
  if (!status.ok()) {
    log(LogLevel::Info, concat("prefix store: ", status.message()));
    return nullptr;
  }
  stats_.disk_bytes += file->bytes;
  return file;
} catch (const std::bad_alloc&) {
  return nullptr;
}

bool PrefixStore::make_disk_room(uint64_t bytes, uint64_t tick) {
  if (bytes > options_.disk_budget_bytes) return false;
  while (stats_.disk_bytes > options_.disk_budget_bytes - bytes) {
    PrefixNode* const oldest = tree_.oldest_on_disk();
    // What was used later than the newcomer does not make way for it.
    if (oldest == nullptr || oldest->tick > tick) return false;
    remove(oldest);
  }
  return true;
}

void PrefixStore::remove(PrefixNode* node) {
  tree_.remove(node, [this](PrefixNode& gone) { forget(gone); });
}

void PrefixStore::forget(PrefixNode& node) {
  stats_.bytes -= cost_of(node);
  if (node.file == nullptr || node.file.use_count() > 1) return;  // another part is in use
  stats_.disk_bytes -= node.file->bytes;
  remove_quietly(node.file->path);
}

void PrefixStore::clear() {
  while (!tree_.root()->children.empty()) remove(tree_.root()->children.begin()->second.get());
}

// ---- the folder at start ------------------------------------------------------------------------

Status PrefixStore::open_folder() try {
  struct Found {
    FolderEntry entry;
    std::shared_ptr<const SessionFile> file;
  };
  ETB_RETURN_IF_ERROR(make_folders(options_.folder));
  ETB_ASSIGN_OR_RETURN(const std::vector<FolderEntry> entries, list_files(options_.folder));
  std::vector<Found> found;
  for (const FolderEntry& entry : entries) {
    const std::string path = join_path(options_.folder, entry.name);
    if (is_stale_temporary(entry)) remove_quietly(path);
    if (!entry.name.ends_with(kSuffix)) continue;
    const auto file = SessionFile::open(path);
    if (file.ok() && (*file)->check_model(options_.model).ok()) {
      found.push_back({entry, *file});
    } else {
      remove_quietly(path);
    }
  }
  // Beginnings first, so that each finds what it continues.
  std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::pair(a.file->from(), a.entry.name) < std::pair(b.file->from(), b.entry.name);
  });
  for (const Found& f : found) add_file(f.entry, *f.file);
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.entry.identity.mtime_ns < b.entry.identity.mtime_ns;
  });
  for (const Found& f : found) tree_.touch(tree_.match(f.file->ids()).node);
  static_cast<void>(make_disk_room(0, UINT64_MAX));
  return {};
} catch (const std::bad_alloc&) {
  return {StatusCode::OutOfMemory, "no memory to read the prefix store's folder"};
}

void PrefixStore::add_file(const FolderEntry& entry, const SessionFile& file) {
  const std::string path = join_path(options_.folder, entry.name);
  PrefixMatch found = tree_.match(file.ids());
  // What it continues is gone, or all of it is here.
  if (found.length < file.from() || found.length == file.to()) return remove_quietly(path);
  if (found.length < found.node->to()) {
    const auto upper = tree_.split(found.node, found.length);
    if (!upper.ok()) return;
    found.node = *upper;
  }
  PrefixNode parts;
  parts.from = found.length;
  parts.floor = options_.model.layout.complete(parts.from, file.floor()) ? 0 : file.floor();
  parts.ids.assign(file.ids().begin() + parts.from, file.ids().end());
  parts.file = std::make_shared<StoredRows>();
  parts.file->path = path;
  parts.file->bytes = entry.identity.size;
  stats_.disk_bytes += parts.file->bytes;
  static_cast<void>(tree_.add(found.node, std::move(parts)));
}

}  // namespace etb::kv
