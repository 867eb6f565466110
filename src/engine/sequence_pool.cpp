#include "engine/sequence_pool.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/common_prefix.h"
#include "base/log.h"
#include "base/text.h"
#include "kv/session_file.h"
#include "platform/files.h"
#include "platform/free_memory.h"
#include "platform/paths.h"

namespace etb {
namespace {

// Copying rows from elsewhere pays from so many positions on.
constexpr size_t kWorthCopying = 16;
// Keeping rows that a prompt leaves behind pays from so many on.
constexpr uint32_t kWorthKeeping = 64;

std::unique_ptr<kv::PrefixStore> open_prefixes(const runner::RunnerMeta& meta,
                                               const PoolOptions& options) {
  if (meta.model_key == 0 || options.prefix_bytes == 0) return nullptr;
  kv::PrefixStoreOptions store{.model = meta.model_tag(), .budget_bytes = options.prefix_bytes};
  if (!options.folder.empty() && options.prefix_disk_bytes > 0) {
    store.folder = join_path(options.folder, "prefixes");
    store.disk_budget_bytes = options.prefix_disk_bytes;
  }
  auto opened = kv::PrefixStore::create(std::move(store));
  if (opened.ok()) return std::move(opened).value();
  log(LogLevel::Warning, concat("no prefix store: ", opened.status().message()));
  return nullptr;
}

kv::RowCopier copier_of(const runner::Sequence& sequence) {
  return [&sequence](uint32_t from, uint32_t to) { return sequence.copy_rows(from, to); };
}

constexpr std::string_view kParkedPrefix = "parked-";
constexpr std::string_view kParkedSuffix = ".etbs";

std::string parked_path(const std::string& folder, uint64_t session) {
  return join_path(folder, concat(kParkedPrefix, session, kParkedSuffix));
}

void remove_all_parked(const std::string& folder) {
  const auto files = list_files(folder);
  if (!files.ok()) return;
  for (const FolderEntry& file : *files) {
    if (!file.name.starts_with(kParkedPrefix) || !file.name.ends_with(kParkedSuffix)) continue;
    static_cast<void>(remove_file(join_path(folder, file.name)));
  }
}

}  // namespace

void remove_parked(const std::string& folder, std::optional<uint64_t> session) noexcept {
  if (folder.empty()) return;
  try {
    if (!session) return remove_all_parked(folder);
    static_cast<void>(remove_file(parked_path(folder, *session)));
  } catch (const std::bad_alloc&) {
    return;
  }
}

SequencePool::SequencePool(runner::TextRunner& runner, PoolOptions options, const Clock& clock)
    : runner_(runner),
      options_(std::move(options)),
      clock_(clock),
      prefixes_(open_prefixes(runner.meta(), options_)) {}

runner::Sequence* SequencePool::find(uint64_t session) {
  const auto entry = entries_.find(session);
  return entry == entries_.end() ? nullptr : entry->second.sequence.get();
}

Result<runner::Sequence*> SequencePool::find_or_create(uint64_t session) {
  auto entry = entries_.find(session);
  if (entry == entries_.end()) {
    ETB_ASSIGN_OR_RETURN(auto sequence, runner_.new_sequence());
    restore_parked(session, *sequence);
    entry = entries_.emplace(session, Entry{.sequence = std::move(sequence)}).first;
  }
  entry->second.last_used_ns = clock_.now_ns();
  return entry->second.sequence.get();
}

Result<runner::Sequence*> SequencePool::place(uint64_t session, std::span<const TokenId> prompt,
                                              bool keep) {
  ETB_ASSIGN_OR_RETURN(runner::Sequence * sequence, find_or_create(session));
  const std::span<const TokenId> wanted = prompt.first(prompt.size() - 1);
  size_t own = common_prefix(sequence->ids(), wanted);
  if (own < sequence->rewind_floor()) own = 0;
  if (keep && sequence->position() >= own + kWorthKeeping) store(*sequence);
  size_t length = own + kWorthCopying - 1;
  const runner::Sequence* const other = best_other(session, wanted, length);
  ETB_RETURN_IF_ERROR(sequence->rewind(static_cast<uint32_t>(own)));
  // What cannot be copied (a window that gave rows back, a ring) is computed instead.
  if (other != nullptr) {
    static_cast<void>(sequence->append_from(*other, static_cast<uint32_t>(length)));
  }
  extend_from_store(*sequence, wanted);
  if (sequence->position() < sequence->rewind_floor()) ETB_RETURN_IF_ERROR(sequence->rewind(0));
  return sequence;
}

// The sequence of another session that begins with more than `length` of the wanted ids.
const runner::Sequence* SequencePool::best_other(uint64_t session, std::span<const TokenId> wanted,
                                                 size_t& length) const {
  const runner::Sequence* best = nullptr;
  for (const auto& [other, entry] : entries_) {
    if (other == session) continue;
    const size_t common = common_prefix(entry.sequence->ids(), wanted);
    if (common <= length) continue;
    best = entry.sequence.get();
    length = common;
  }
  return best;
}

void SequencePool::extend_from_store(runner::Sequence& sequence, std::span<const TokenId> wanted) {
  if (!prefixes_) return;
  const uint32_t from = sequence.position();
  const uint32_t to = prefixes_->longest_prefix(wanted);
  if (to < from + kWorthCopying) return;
  const auto rows = prefixes_->fetch(wanted, from, to);
  if (!rows.ok()) return;
  for (const auto& held : *rows) {
    if (!sequence.append_rows(held.rows).ok()) return;
  }
}

void SequencePool::store(const runner::Sequence& sequence) {
  if (!prefixes_ || sequence.position() < kWorthKeeping) return;
  try {
    prefixes_->insert(sequence.ids(), copier_of(sequence));
  } catch (const std::bad_alloc&) {  // then less is kept
  }
}

Status SequencePool::adopt(uint64_t session, const kv::RowsView& rows) {
  erase(session);
  ETB_ASSIGN_OR_RETURN(auto sequence, runner_.new_sequence());
  ETB_RETURN_IF_ERROR(sequence->append_rows(rows));
  entries_[session] = {.sequence = std::move(sequence), .last_used_ns = clock_.now_ns()};
  return {};
}

void SequencePool::erase(uint64_t session) noexcept {
  const auto entry = entries_.find(session);
  if (entry != entries_.end()) {
    store(*entry->second.sequence);
    entries_.erase(entry);
  }
  remove_parked(options_.folder, session);
}

Status SequencePool::write_parked(uint64_t session, const runner::Sequence& sequence) const {
  const runner::RunnerMeta& meta = runner_.meta();
  ETB_RETURN_IF_ERROR(make_folders(options_.folder));
  return kv::write_session(parked_path(options_.folder, session),
                           {.model = meta.model_tag(),
                            .context = meta.context,
                            .floor = sequence.rewind_floor(),
                            .ids = sequence.ids()},
                           copier_of(sequence));
}

void SequencePool::park(uint64_t session) noexcept {
  const auto entry = entries_.find(session);
  if (entry == entries_.end()) return;
  const runner::Sequence& sequence = *entry->second.sequence;
  const bool kept = !options_.folder.empty() && runner_.meta().model_key != 0 &&
                    sequence.position() >= kWorthKeeping;
  try {
    const Status status = kept ? write_parked(session, sequence) : Status();
    if (!status.ok()) {
      log(LogLevel::Warning,
          concat("a conversation is parked without what it computed: ", status.message()));
    }
  } catch (const std::bad_alloc&) {  // the more so its memory has to go
  }
  entries_.erase(entry);
}

void SequencePool::park_all() noexcept {
  while (!entries_.empty()) park(entries_.begin()->first);
}

// A file that is not there, or does not fit any more, is as if there were none.
void SequencePool::restore_parked(uint64_t session, runner::Sequence& sequence) {
  if (options_.folder.empty()) return;
  const std::string path = parked_path(options_.folder, session);
  const auto file = kv::SessionFile::open(path);
  if (!file.ok()) return;
  const auto rows = (*file)->rows();
  if ((*file)->check_model(runner_.meta().model_tag()).ok() && rows.ok()) {
    static_cast<void>(sequence.append_rows(*rows));
  }
  static_cast<void>(remove_file(path));
}

std::vector<uint64_t> SequencePool::by_last_use() const {
  std::vector<std::pair<int64_t, uint64_t>> order;
  for (const auto& [session, entry] : entries_) order.emplace_back(entry.last_used_ns, session);
  std::sort(order.begin(), order.end());
  std::vector<uint64_t> sessions;
  for (const auto& [when, session] : order) sessions.push_back(session);
  return sessions;
}

void SequencePool::drop_longer_than(uint32_t positions, uint64_t except) {
  for (auto& [session, entry] : entries_) {
    if (session == except || entry.sequence->position() <= positions) continue;
    static_cast<void>(entry.sequence->rewind(0));
  }
}

void SequencePool::drop_prefixes() {
  if (!prefixes_) return;
  prefixes_->clear();
  static_cast<void>(give_back_free_memory());
}

PoolUse SequencePool::use() const {
  PoolUse use;
  for (const auto& [session, entry] : entries_) {
    ++use.sequences;
    use.kv_bytes += entry.sequence->kv_usage().committed_bytes;
  }
  use.prefix_bytes = prefix_stats().bytes;
  return use;
}

uint32_t SequencePool::most_positions() const {
  uint32_t most = 0;
  for (const auto& [session, entry] : entries_) most = std::max(most, entry.sequence->position());
  return most;
}

kv::PrefixStats SequencePool::prefix_stats() const {
  return prefixes_ ? prefixes_->stats() : kv::PrefixStats();
}

}  // namespace etb
