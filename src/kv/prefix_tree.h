// The radix tree under the prefix store: nodes of up to kNodePositions ids with their rows, in
// memory or in a file, and the order in which they were used. Knows nothing of budgets or folders.
//
// Ticks order nodes by use. A use touches a node and then all above it, so a node is always later
// than everything below it: whatever has the lowest tick may go with all that hangs on it.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"
#include "kv/rows.h"
#include "kv/session_file.h"

namespace etb::kv {

// Nodes begin and end anywhere, but none crosses a multiple of this: a split copies at most so many
// rows, what is evicted or written at once is bounded, and tiles are cut where they end.
inline constexpr uint32_t kNodePositions = 256;

// A file of rows; the parts of a split node share it.
struct StoredRows {
  std::string path;
  uint64_t bytes = 0;
  std::shared_ptr<const SessionFile> open = nullptr;  // once it was read and checked
  RowsView rows{};                                    // then: all of it
};

struct PrefixNode;
using NodeOrder = std::list<PrefixNode*>;

struct PrefixNode {
  PrefixNode* parent = nullptr;
  uint32_t from = 0;  // position of ids[0]
  uint32_t floor = 0;
  std::vector<TokenId> ids{};
  std::shared_ptr<const Rows> rows = nullptr;  // either these
  std::shared_ptr<StoredRows> file = nullptr;  // or this; the root has none
  std::map<TokenId, std::unique_ptr<PrefixNode>> children{};
  uint64_t tick = 0;
  NodeOrder hook{};  // holds the element below while it is in no order
  NodeOrder::iterator place{};

  uint32_t to() const { return from + static_cast<uint32_t>(ids.size()); }
};

// How far ids lead into the tree.
struct PrefixMatch {
  PrefixNode* node = nullptr;  // the deepest one reached; the root for nothing at all
  uint32_t length = 0;         // ids that agree; may end inside `node`
  uint32_t usable = 0;         // of them, after which a sequence can go on (RowsView::floor)
};

class PrefixTree {
 public:
  explicit PrefixTree(RowLayout layout) : layout_(std::move(layout)) {}
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  PrefixMatch match(std::span<const TokenId> ids) const;
  // A new node below `parent`, the latest of all. Has either rows or a file. bad_alloc: nothing
  // changed.
  PrefixNode* add(PrefixNode* parent, PrefixNode parts);
  // Cuts a node at `position`, inside it; returns the upper half, which keeps its tick. Rows in
  // memory are copied, half by half. OutOfMemory, bad_alloc: nothing changed.
  Result<PrefixNode*> split(PrefixNode* node, uint32_t position);
  // Its rows are in `file` from now on.
  void move_to_file(PrefixNode* node, std::shared_ptr<StoredRows> file);
  // Takes out a node and all below it, leaves first; shows each to `gone` before it is destroyed.
  // Allocates nothing.
  void remove(PrefixNode* node, const std::function<void(PrefixNode&)>& gone);

  // The latest use is that of `node` and what lies above it.
  void touch(PrefixNode* node);
  uint64_t last_tick() const { return tick_; }
  // The one used longest ago; null if there is none.
  PrefixNode* oldest_in_memory() const { return in_memory_.empty() ? nullptr : in_memory_.back(); }
  PrefixNode* oldest_on_disk() const { return on_disk_.empty() ? nullptr : on_disk_.back(); }
  size_t nodes_in_memory() const { return in_memory_.size(); }
  size_t nodes_on_disk() const { return on_disk_.size(); }

  // Without ids or parent; never removed.
  PrefixNode* root() { return root_.get(); }

 private:
  NodeOrder& order_of(const PrefixNode& node) { return node.file ? on_disk_ : in_memory_; }
  void enter_order(PrefixNode& node);

  RowLayout layout_;
  std::unique_ptr<PrefixNode> root_ = std::make_unique<PrefixNode>();
  NodeOrder in_memory_;  // latest first
  NodeOrder on_disk_;
  uint64_t tick_ = 0;
};

}  // namespace etb::kv
