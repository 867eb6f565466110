// What conversations have in common, computed once: KV rows by the ids that led to them, shared by
// all sessions of one model. In memory up to a budget, and, if a folder is given, on disk behind
// it: what was used longest ago leaves memory for the disk, and the disk for good. Nothing leaves
// while something that continues it stays.
//
// Used on the model thread only, as sequences are; not thread-safe. Never fails its user: where
// memory or disk does not suffice, less is kept. The rows it hands out stay valid after it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "kv/prefix_tree.h"
#include "kv/rows.h"
#include "kv/session_file.h"
#include "platform/files.h"

namespace etb::kv {

struct PrefixStoreOptions {
  ModelTag model;
  size_t budget_bytes = 0;  // PrefixStats::bytes stays within it; 0: memory keeps nothing
  // Made if it is not there; empty: no disk. Of this store alone: of the files named as its own,
  // those that are damaged or of another model are removed, others are left alone.
  std::string folder{};
  uint64_t disk_budget_bytes = 0;
  DiskFaults disk_faults{};  // for tests
};

struct PrefixStats {
  size_t bytes = 0;  // in memory: rows to whole pages, ids, book-keeping; at most the budget
  size_t nodes = 0;  // in memory
  uint64_t disk_bytes = 0;
  size_t disk_nodes = 0;
  uint64_t hits = 0;  // fetches that gave rows
  uint64_t hit_tokens = 0;
  uint64_t evictions = 0;  // nodes that left memory, for the disk or for good
};

class PrefixStore {
 public:
  // Reads the heads of the folder's files. InvalidArgument: the model's key is 0 (its rows cannot
  // be kept), or the folder cannot be made.
  static Result<std::unique_ptr<PrefixStore>> create(PrefixStoreOptions options);

  // How many of the first ids have rows here with which a sequence can go on. Counts as no use.
  uint32_t longest_prefix(std::span<const TokenId> ids) const;

  // The rows of positions [from, to) of `ids` in order, as Sequence::append_rows takes them one by
  // one. NotFound: to > longest_prefix(ids.first(to)). Corrupt and others: a file did not read; it
  // is forgotten with all that continues it, so ask longest_prefix() again. OutOfMemory.
  Result<std::vector<HeldRows>> fetch(std::span<const TokenId> ids, uint32_t from, uint32_t to);

  // Keeps the rows of `ids`, of which `copy` is asked only for those that are not here yet, in
  // order and at most kNodePositions at a time. Older things make room. What does not fit, or could
  // not be copied, is left out, from the end. Returns how many ids are here now.
  uint32_t insert(std::span<const TokenId> ids, const RowCopier& copy);

  // Takes effect at once.
  void set_budget(size_t bytes);
  // Forgets everything, files included.
  void clear();
  PrefixStats stats() const;

 private:
  explicit PrefixStore(PrefixStoreOptions options);

  Status open_folder();
  void add_file(const FolderEntry& entry, const SessionFile& file);
  Status insert_new(std::span<const TokenId> ids, const RowCopier& copy);
  Result<PrefixNode*> add_rows(PrefixNode* parent, std::span<const TokenId> ids,
                               const RowCopier& copy);
  Result<HeldRows> rows_of(PrefixNode& node);
  // Evicts until `bytes` more fit the budget; false if what is left may not go.
  bool make_room(size_t bytes);
  void evict(PrefixNode* node);
  // Null if there is no room for it, or it could not be written.
  std::shared_ptr<StoredRows> store(const PrefixNode& node);
  bool make_disk_room(uint64_t bytes, uint64_t tick);
  void remove(PrefixNode* node);
  void forget(PrefixNode& node);

  PrefixStoreOptions options_;
  PrefixTree tree_;
  PrefixStats stats_;
  // Nodes with a later tick are in use by the call that runs now and stay.
  uint64_t pinned_after_ = UINT64_MAX;
};

}  // namespace etb::kv
