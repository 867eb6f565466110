#include "kv/descriptor.h"

#include <algorithm>
#include <map>

#include "base/text.h"

namespace etb::kv {
namespace {

constexpr size_t kElementBytes = 2;  // f16

// Beyond any model; keeps every product below 2^62.
constexpr uint64_t kMaxContext = 1U << 26;
constexpr uint64_t kMaxHeads = 1U << 12;
constexpr uint64_t kMaxHeadDim = 1U << 12;
constexpr size_t kMaxLayers = 4096;

Status broken(const std::string& what) {
  return {StatusCode::Corrupt, concat("KV plan: ", what)};
}

size_t half_bytes(const LayerShape& layer, uint32_t context) {
  return size_t{layer.kv_heads} * context * layer.head_dim * kElementBytes;
}

Status check_layer(const LayerShape& layer, size_t index, uint32_t context, size_t arena_bytes) {
  if (layer.kv_heads == 0 || layer.kv_heads > kMaxHeads || layer.head_dim == 0 ||
      layer.head_dim > kMaxHeadDim) {
    return broken(concat("layer ", index, " has ", layer.kv_heads, " heads of ", layer.head_dim));
  }
  const size_t bytes = 2 * half_bytes(layer, context);
  if (bytes > arena_bytes || layer.offset > arena_bytes - bytes) {
    return broken(concat("layer ", index, " (", bytes, " bytes at ", layer.offset,
                         ") ends beyond its memory of ", arena_bytes, " bytes"));
  }
  return {};
}

Status check_disjoint(const std::vector<LayerShape>& layers, uint32_t context) {
  std::vector<size_t> order(layers.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return layers[a].offset < layers[b].offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    const LayerShape& before = layers[order[i - 1]];
    if (before.offset + 2 * half_bytes(before, context) > layers[order[i]].offset) {
      return broken(concat("layers ", order[i - 1], " and ", order[i], " overlap"));
    }
  }
  return {};
}

}  // namespace

Result<Descriptor> Descriptor::create(KvType type, uint32_t context, std::vector<LayerShape> layers,
                                      size_t arena_bytes) {
  if (type != KvType::F16) {
    return Status(StatusCode::Unsupported, concat("KV type ", static_cast<uint32_t>(type),
                                                  " is not one this build has (f16)"));
  }
  if (context == 0 || context > kMaxContext || context % kContextMultiple != 0) {
    return broken(concat("a context of ", context, " is no multiple of ", kContextMultiple,
                         " up to ", kMaxContext));
  }
  if (layers.empty() || layers.size() > kMaxLayers) {
    return broken(concat(layers.size(), " layers"));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    ETB_RETURN_IF_ERROR(check_layer(layers[i], i, context, arena_bytes));
  }
  ETB_RETURN_IF_ERROR(check_disjoint(layers, context));
  Descriptor d;
  d.type_ = type;
  d.context_ = context;
  for (const LayerShape& layer : layers) {
    d.bytes_per_token_ += size_t{2} * layer.kv_heads * layer.head_dim * kElementBytes;
    d.largest_window_ = std::max(d.largest_window_, layer.window);
  }
  d.layers_ = std::move(layers);
  return d;
}

size_t Descriptor::layer_bytes(size_t layer) const {
  return 2 * half_bytes(layers_[layer], context_);
}

size_t Descriptor::row_bytes(size_t layer) const {
  return size_t{2} * layers_[layer].kv_heads * layers_[layer].head_dim * kElementBytes;
}

RowLayout Descriptor::row_layout() const {
  std::map<uint32_t, uint64_t> by_window;
  for (size_t i = 0; i < layers_.size(); ++i) by_window[layers_[i].window] += row_bytes(i);
  RowLayout layout;
  for (const auto& [window, bytes] : by_window) layout.parts.push_back({window, bytes});
  return layout;
}

size_t Descriptor::key_offset(size_t layer, uint32_t head, uint32_t position, uint32_t dim) const {
  const LayerShape& l = layers_[layer];
  const size_t tile = position / kTilePositions;
  const size_t row = size_t{head} * context_ * l.head_dim + tile * l.head_dim * kTilePositions +
                     size_t{dim} * kTilePositions + position % kTilePositions;
  return l.offset + row * kElementBytes;
}

size_t Descriptor::value_offset(size_t layer, uint32_t head, uint32_t position,
                                uint32_t dim) const {
  const LayerShape& l = layers_[layer];
  const size_t row = (size_t{head} * context_ + position) * l.head_dim + dim;
  return l.offset + half_bytes(l, context_) + row * kElementBytes;
}

std::vector<ByteRange> Descriptor::rows(size_t layer, uint32_t from, uint32_t to) const {
  std::vector<ByteRange> ranges;
  if (from >= to) return ranges;
  const LayerShape& l = layers_[layer];
  const uint32_t first = from / kTilePositions * kTilePositions;
  // The context is a multiple of the tile, so rounding up stays inside.
  const uint32_t last = (to + kTilePositions - 1) / kTilePositions * kTilePositions;
  const size_t dim_bytes = l.head_dim * kElementBytes;
  for (uint32_t head = 0; head < l.kv_heads; ++head) {
    ranges.push_back({key_offset(layer, head, first, 0), (last - first) * dim_bytes});
  }
  for (uint32_t head = 0; head < l.kv_heads; ++head) {
    ranges.push_back({value_offset(layer, head, from, 0), (to - from) * dim_bytes});
  }
  return ranges;
}

std::vector<ByteRange> Descriptor::unneeded_rows(size_t layer, uint32_t from, uint32_t to) const {
  std::vector<ByteRange> ranges;
  if (from >= to) return ranges;
  const LayerShape& l = layers_[layer];
  const uint32_t first = from / kTilePositions * kTilePositions;
  const uint32_t last = to / kTilePositions * kTilePositions;
  const size_t dim_bytes = l.head_dim * kElementBytes;
  for (uint32_t head = 0; head < l.kv_heads; ++head) {
    if (first < last) {
      ranges.push_back({key_offset(layer, head, first, 0), (last - first) * dim_bytes});
    }
    ranges.push_back({value_offset(layer, head, from, 0), (to - from) * dim_bytes});
  }
  return ranges;
}

std::vector<ByteRange> Descriptor::rows_after(size_t layer, uint32_t from, uint32_t to) const {
  const uint32_t first = (from + kTilePositions - 1) / kTilePositions * kTilePositions;
  std::vector<ByteRange> ranges;
  if (from >= to) return ranges;
  const LayerShape& l = layers_[layer];
  const uint32_t last = (to + kTilePositions - 1) / kTilePositions * kTilePositions;
  const size_t dim_bytes = l.head_dim * kElementBytes;
  for (uint32_t head = 0; head < l.kv_heads; ++head) {
    if (first < last) {
      ranges.push_back({key_offset(layer, head, first, 0), (last - first) * dim_bytes});
    }
    ranges.push_back({value_offset(layer, head, from, 0), (to - from) * dim_bytes});
  }
  return ranges;
}

}  // namespace etb::kv
