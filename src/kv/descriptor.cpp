#include "kv/descriptor.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace etb::kv {
namespace {

// Beyond any model; keeps every product below 2^62.
constexpr uint64_t kMaxPositions = 1U << 26;
constexpr uint64_t kMaxGroups = 1U << 12;
constexpr uint64_t kMaxRowBytes = 1U << 22;
constexpr uint64_t kMaxOwnRowBytes = kTileElement << 12;  // of our own files: a head's elements
constexpr size_t kMaxPlanes = 16384;

Status broken(const std::string& what) {
  return {StatusCode::Corrupt, concat("KV plan: ", what)};
}

uint32_t tile_down(uint32_t position) {
  return position / kTilePositions * kTilePositions;
}

// A plane's positions are whole tiles, so rounding up stays inside.
uint32_t tile_up(uint32_t position) {
  return tile_down(position + kTilePositions - 1);
}

struct Bounds {
  uint32_t context;
  uint64_t row_bytes;
  size_t arena_bytes;
};

Status check_plane(const Plane& plane, size_t index, const Bounds& bounds) {
  const auto [context, most_row_bytes, arena_bytes] = bounds;
  if (plane.groups == 0 || plane.groups > kMaxGroups || plane.row_bytes == 0 ||
      plane.row_bytes > most_row_bytes || plane.positions > kMaxPositions) {
    return broken(concat("plane ", index, " has ", plane.groups, " groups of ", plane.positions,
                         " rows of ", plane.row_bytes, " bytes"));
  }
  const bool whole = plane.positions % kTilePositions == 0 && plane.row_bytes % kTileElement == 0;
  if (plane.positions < context || (plane.tiled && !whole)) {
    return broken(
        concat("plane ", index, " has ", plane.positions, " rows for a context of ", context));
  }
  if (plane.bytes() > arena_bytes || plane.offset > arena_bytes - plane.bytes()) {
    return broken(concat("plane ", index, " (", plane.bytes(), " bytes at ", plane.offset,
                         ") ends beyond its memory of ", arena_bytes, " bytes"));
  }
  return {};
}

Status check_disjoint(const std::vector<Plane>& planes) {
  std::vector<size_t> order(planes.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](size_t i) { return planes[i].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const Plane& before = planes[order[i - 1]];
    if (before.offset + before.bytes() > planes[order[i]].offset) {
      return broken(concat("planes ", order[i - 1], " and ", order[i], " overlap"));
    }
  }
  return {};
}

}  // namespace

void add_layer(const LayerShape& layer, uint32_t context, std::vector<Plane>& planes) {
  // Saturated: create() refuses it by name.
  const uint64_t row = uint64_t{layer.head_dim} * kTileElement;
  const Plane key{.offset = layer.offset,
                  .groups = layer.kv_heads,
                  .positions = context,
                  .row_bytes = static_cast<uint32_t>(std::min<uint64_t>(row, UINT32_MAX)),
                  .window = layer.window,
                  .tiled = true};
  Plane value = key;
  value.offset += key.groups <= kMaxGroups && key.row_bytes <= kMaxRowBytes ? key.bytes() : 0;
  value.tiled = false;
  planes.push_back(key);
  planes.push_back(value);
}

Result<Descriptor> Descriptor::create(KvType type, uint32_t context, std::vector<Plane> planes,
                                      size_t arena_bytes) {
  if (type != KvType::F16 && type != KvType::AsExported) {
    return Status(StatusCode::Unsupported, concat("KV type ", static_cast<uint32_t>(type),
                                                  " is not one this build has (f16)"));
  }
  const bool own = type == KvType::F16;
  if (context == 0 || context > kMaxPositions || (own && context % kContextMultiple != 0)) {
    return broken(concat("a context of ", context, " is none up to ", kMaxPositions,
                         own ? concat(" in steps of ", kContextMultiple) : ""));
  }
  if (planes.empty() || planes.size() > kMaxPlanes) {
    return broken(concat(planes.size(), " planes"));
  }
  for (size_t i = 0; i < planes.size(); ++i) {
    ETB_RETURN_IF_ERROR(
        check_plane(planes[i], i, {context, own ? kMaxOwnRowBytes : kMaxRowBytes, arena_bytes}));
  }
  ETB_RETURN_IF_ERROR(check_disjoint(planes));
  Descriptor d;
  d.type_ = type;
  d.context_ = context;
  for (const Plane& plane : planes) {
    d.bytes_per_token_ += plane.position_bytes();
    d.largest_window_ = std::max(d.largest_window_, plane.window);
  }
  d.planes_ = std::move(planes);
  return d;
}

RowLayout Descriptor::row_layout() const {
  std::map<uint32_t, uint64_t> by_window;
  for (const Plane& plane : planes_) by_window[plane.window] += plane.position_bytes();
  RowLayout layout;
  for (const auto& [window, bytes] : by_window) layout.parts.push_back({window, bytes});
  return layout;
}

size_t Descriptor::byte_offset(size_t plane, uint32_t group, uint32_t position,
                               uint32_t byte) const {
  const Plane& p = planes_[plane];
  const size_t start = p.offset + group * p.group_bytes();
  if (!p.tiled) return start + size_t{position} * p.row_bytes + byte;
  return start + size_t{tile_down(position)} * p.row_bytes + size_t{byte} * kTilePositions +
         position % kTilePositions * kTileElement;
}

// Precondition: of a tiled plane whole tiles.
std::vector<ByteRange> Descriptor::runs(const Plane& plane, uint32_t first, uint32_t last) const {
  std::vector<ByteRange> ranges;
  if (first >= last) return ranges;
  for (uint32_t group = 0; group < plane.groups; ++group) {
    ranges.push_back({plane.offset + group * plane.group_bytes() + size_t{first} * plane.row_bytes,
                      size_t{last - first} * plane.row_bytes});
  }
  return ranges;
}

std::vector<ByteRange> Descriptor::rows(size_t plane, uint32_t from, uint32_t to) const {
  const Plane& p = planes_[plane];
  if (from >= to || !p.tiled) return runs(p, from, to);
  return runs(p, tile_down(from), tile_up(to));
}

std::vector<ByteRange> Descriptor::unneeded_rows(size_t plane, uint32_t from, uint32_t to) const {
  const Plane& p = planes_[plane];
  if (from >= to || !p.tiled) return runs(p, from, to);
  return runs(p, tile_down(from), tile_down(to));
}

std::vector<ByteRange> Descriptor::rows_after(size_t plane, uint32_t from, uint32_t to) const {
  const Plane& p = planes_[plane];
  if (from >= to || !p.tiled) return runs(p, from, to);
  return runs(p, tile_up(from), tile_up(to));
}

}  // namespace etb::kv
