#include "kv/kv_memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace etb::kv {
namespace {

bool same_shape(const Descriptor& a, const Descriptor& b) {
  if (a.type() != b.type() || a.context() != b.context()) return false;
  return std::equal(a.layers().begin(), a.layers().end(), b.layers().begin(), b.layers().end(),
                    [](const LayerShape& x, const LayerShape& y) {
                      return x.kv_heads == y.kv_heads && x.head_dim == y.head_dim &&
                             x.window == y.window && x.offset == y.offset;
                    });
}

// Rows of a layer that a query at `floor` or later can never see.
uint32_t unreachable(const LayerShape& layer, uint32_t floor) {
  if (layer.window == 0 || floor < layer.window) return 0;
  return floor - layer.window + 1;
}

}  // namespace

KvMemory::KvMemory(Descriptor descriptor, AnonymousMemory arena)
    : descriptor_(std::move(descriptor)), arena_(std::move(arena)) {}

Result<KvMemory> KvMemory::reserve(Descriptor descriptor, size_t arena_bytes) {
  for (size_t i = 0; i < descriptor.layers().size(); ++i) {
    const size_t end = descriptor.layers()[i].offset + descriptor.layer_bytes(i);
    if (end > arena_bytes) {
      return Status(StatusCode::InvalidArgument,
                    concat("KV layer ", i, " ends at byte ", end, " of ", arena_bytes));
    }
  }
  auto arena = AnonymousMemory::reserve(arena_bytes);
  if (!arena.ok()) return arena.status().with_context("KV cache");
  return KvMemory(std::move(descriptor), std::move(arena).value());
}

void KvMemory::advance(uint32_t position) {
  const uint32_t window = descriptor_.largest_window();
  // One window stays free to rewind into; work is done once a window of new rows has come.
  if (window == 0 || position < window || position - window < floor_ ||
      position - window - floor_ < window) {
    return;
  }
  const uint32_t before = floor_;
  floor_ = position - window;
  for (size_t i = 0; i < descriptor_.layers().size(); ++i) {
    const LayerShape& layer = descriptor_.layers()[i];
    const auto ranges =
        descriptor_.unneeded_rows(i, unreachable(layer, before), unreachable(layer, floor_));
    for (const ByteRange& range : ranges) {
      static_cast<void>(arena_.discard(range.offset, range.bytes));
    }
  }
}

Status KvMemory::clear() {
  floor_ = 0;
  return arena_.discard(0, arena_.size());
}

size_t KvMemory::bytes_in_use(uint32_t position) const {
  size_t bytes = 0;
  for (size_t i = 0; i < descriptor_.layers().size(); ++i) {
    const LayerShape& layer = descriptor_.layers()[i];
    const uint32_t kept = position - std::min(position, unreachable(layer, floor_));
    bytes += descriptor_.layer_bytes(i) / descriptor_.context() * kept;
  }
  return bytes;
}

Status KvMemory::copy_rows(const KvMemory& source, uint32_t from, uint32_t to) {
  if (!same_shape(descriptor_, source.descriptor_)) {
    return {StatusCode::InvalidArgument, "KV rows can only be copied between caches of one shape"};
  }
  if (from > to || to > descriptor_.context()) {
    return {StatusCode::InvalidArgument,
            concat("KV rows ", from, " to ", to, " of a context of ", descriptor_.context())};
  }
  for (size_t i = 0; i < descriptor_.layers().size(); ++i) {
    for (const ByteRange& range : descriptor_.rows(i, from, to)) {
      std::memcpy(arena_.data() + range.offset, source.arena_.data() + range.offset, range.bytes);
    }
  }
  return {};
}

}  // namespace etb::kv
