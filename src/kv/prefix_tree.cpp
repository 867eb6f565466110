#include "kv/prefix_tree.h"

#include <algorithm>

#include "base/common_prefix.h"

namespace etb::kv {
namespace {

uint32_t agreeing(std::span<const TokenId> a, std::span<const TokenId> b) {
  return static_cast<uint32_t>(common_prefix(a, b));
}

std::unique_ptr<PrefixNode> with_hook(PrefixNode&& parts) {
  auto node = std::make_unique<PrefixNode>(std::move(parts));
  node->hook.push_back(node.get());
  node->place = node->hook.begin();
  return node;
}

Result<std::shared_ptr<const Rows>> part_of(const Rows& rows, uint32_t from, uint32_t to,
                                            const RowLayout& layout) {
  ETB_ASSIGN_OR_RETURN(Rows part, copy_of(slice(rows.view(), from, to, layout)));
  return std::shared_ptr<const Rows>(std::make_shared<const Rows>(std::move(part)));
}

}  // namespace

PrefixTree::~PrefixTree() {
  // Leaf by leaf: a long conversation is deeper than a stack.
  while (!root_->children.empty()) {
    remove(root_->children.begin()->second.get(), [](PrefixNode&) {});
  }
}

PrefixMatch PrefixTree::match(std::span<const TokenId> ids) const {
  PrefixMatch found{root_.get(), 0, 0};
  uint32_t floor = 0;  // from here on nothing above is missing
  while (found.length < ids.size() && found.length == found.node->to()) {
    const auto child = found.node->children.find(ids[found.length]);
    if (child == found.node->children.end()) break;
    found.node = child->second.get();
    found.length += agreeing(found.node->ids, ids.subspan(found.length));
    floor = std::max(floor, found.node->floor);
    if (found.length >= floor) found.usable = found.length;
  }
  return found;
}

PrefixNode* PrefixTree::add(PrefixNode* parent, PrefixNode parts) {
  const TokenId first = parts.ids.front();
  std::unique_ptr<PrefixNode> node = with_hook(std::move(parts));
  node->parent = parent;
  PrefixNode* const added = node.get();
  parent->children.emplace(first, std::move(node));
  added->tick = ++tick_;
  enter_order(*added);
  touch(added);
  return added;
}

Result<PrefixNode*> PrefixTree::split(PrefixNode* node, uint32_t position) {
  const auto cut = static_cast<std::ptrdiff_t>(position - node->from);
  PrefixNode parts;
  parts.parent = node->parent;
  parts.from = node->from;
  parts.floor = node->floor;
  parts.ids.assign(node->ids.begin(), node->ids.begin() + cut);
  parts.file = node->file;
  std::shared_ptr<const Rows> lower;
  if (node->rows) {
    ETB_ASSIGN_OR_RETURN(parts.rows, part_of(*node->rows, node->from, position, layout_));
    ETB_ASSIGN_OR_RETURN(lower, part_of(*node->rows, position, node->to(), layout_));
  }
  std::unique_ptr<PrefixNode> upper = with_hook(std::move(parts));
  std::unique_ptr<PrefixNode>& below = upper->children[node->ids[static_cast<size_t>(cut)]];
  // Nothing fails from here on.
  PrefixNode* const half = upper.get();
  std::unique_ptr<PrefixNode>& above = node->parent->children.find(node->ids.front())->second;
  half->tick = node->tick;
  NodeOrder& order = order_of(*node);
  order.splice(node->place, half->hook);  // just before the lower half: that one goes first
  below = std::move(above);
  above = std::move(upper);
  node->parent = half;
  node->ids.erase(node->ids.begin(), node->ids.begin() + cut);
  node->from = position;
  node->floor = layout_.complete(position, node->floor) ? 0 : node->floor;
  node->rows = std::move(lower);
  return half;
}

void PrefixTree::move_to_file(PrefixNode* node, std::shared_ptr<StoredRows> file) {
  node->hook.splice(node->hook.begin(), in_memory_, node->place);
  node->rows.reset();
  node->file = std::move(file);
  enter_order(*node);
}

void PrefixTree::enter_order(PrefixNode& node) {
  NodeOrder& order = order_of(node);
  auto later = order.end();  // behind the last one that is later
  while (later != order.begin() && (*std::prev(later))->tick < node.tick) --later;
  order.splice(later, node.hook);
}

void PrefixTree::remove(PrefixNode* node, const std::function<void(PrefixNode&)>& gone) {
  for (PrefixNode* leaf = node;;) {
    while (!leaf->children.empty()) leaf = leaf->children.begin()->second.get();
    const bool last = leaf == node;
    PrefixNode* const parent = leaf->parent;
    order_of(*leaf).erase(leaf->place);
    gone(*leaf);
    parent->children.erase(parent->children.find(leaf->ids.front()));
    if (last) return;
    leaf = parent;
  }
}

void PrefixTree::touch(PrefixNode* node) {
  for (; node != root_.get(); node = node->parent) {
    node->tick = ++tick_;
    NodeOrder& order = order_of(*node);
    order.splice(order.begin(), order, node->place);
  }
}

}  // namespace etb::kv
