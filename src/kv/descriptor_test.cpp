// Every byte of a KV arena belongs to one element of one row, and rows() names exactly those bytes.
#include "kv/descriptor.h"

#include <gtest/gtest.h>

#include <set>

namespace etb::kv {
namespace {

constexpr uint32_t kContext = 128;

size_t bytes_of(const LayerShape& shape) {
  return size_t{2} * shape.kv_heads * kContext * shape.head_dim * 2;
}

// Two layers of different shape with a gap between them.
std::vector<LayerShape> two_layers() {
  LayerShape first{.kv_heads = 2, .head_dim = 8, .window = 0, .offset = 64};
  LayerShape second{.kv_heads = 1, .head_dim = 24, .window = 32, .offset = 0};
  second.offset = first.offset + bytes_of(first) + 128;
  return {first, second};
}

size_t arena_of(const std::vector<LayerShape>& layers) {
  return layers.back().offset + bytes_of(layers.back());
}

Descriptor two_layer_descriptor() {
  const auto layers = two_layers();
  return Descriptor::create(KvType::F16, kContext, layers, arena_of(layers)).value();
}

bool inside(const std::vector<ByteRange>& ranges, size_t offset) {
  for (const ByteRange& r : ranges) {
    if (offset >= r.offset && offset + 2 <= r.offset + r.bytes) return true;
  }
  return false;
}

TEST(Descriptor, CountsBytesPerToken) {
  const Descriptor d = two_layer_descriptor();
  EXPECT_EQ(d.bytes_per_token(), size_t{2 * 2 * 8 * 2 + 2 * 1 * 24 * 2});
  EXPECT_EQ(d.layer_bytes(0) + d.layer_bytes(1), d.bytes_per_token() * kContext);
  EXPECT_EQ(d.largest_window(), 32U);
}

TEST(Descriptor, ElementsFillTheLayersWithoutOverlap) {
  const Descriptor d = two_layer_descriptor();
  for (size_t layer = 0; layer < 2; ++layer) {
    const LayerShape& shape = d.layers()[layer];
    std::set<size_t> seen;
    for (uint32_t head = 0; head < shape.kv_heads; ++head) {
      for (uint32_t position = 0; position < kContext; ++position) {
        for (uint32_t dim = 0; dim < shape.head_dim; ++dim) {
          seen.insert(d.key_offset(layer, head, position, dim));
          seen.insert(d.value_offset(layer, head, position, dim));
        }
      }
    }
    EXPECT_EQ(seen.size() * 2, d.layer_bytes(layer));
    EXPECT_EQ(*seen.begin(), shape.offset);
    EXPECT_EQ(*seen.rbegin() + 2, shape.offset + d.layer_bytes(layer));
  }
}

TEST(Descriptor, FollowsTheLayoutTheKernelsUse) {
  const Descriptor d = two_layer_descriptor();
  // K: a tile holds 16 positions of one dim next to each other. V: a row holds the dims.
  EXPECT_EQ(d.key_offset(0, 0, 1, 0) - d.key_offset(0, 0, 0, 0), 2U);
  EXPECT_EQ(d.key_offset(0, 0, 0, 1) - d.key_offset(0, 0, 0, 0), 32U);
  EXPECT_EQ(d.key_offset(0, 0, 16, 0) - d.key_offset(0, 0, 0, 0), size_t{8 * 32});
  EXPECT_EQ(d.value_offset(0, 0, 0, 1) - d.value_offset(0, 0, 0, 0), 2U);
  EXPECT_EQ(d.value_offset(0, 0, 1, 0) - d.value_offset(0, 0, 0, 0), 16U);
  EXPECT_EQ(d.value_offset(0, 0, 0, 0) - d.key_offset(0, 0, 0, 0), size_t{2 * kContext * 8 * 2});
}

TEST(Descriptor, RowsCoverTheirElementsAndNoRowsOfOtherTiles) {
  const Descriptor d = two_layer_descriptor();
  const std::pair<uint32_t, uint32_t> cuts[] = {{0, 1},   {0, 128}, {5, 6},
                                                {15, 17}, {16, 32}, {40, 91}};
  for (const auto& [from, to] : cuts) {
    for (size_t layer = 0; layer < 2; ++layer) {
      const auto ranges = d.rows(layer, from, to);
      for (uint32_t position = 0; position < kContext; ++position) {
        const bool wanted = position >= from && position < to;
        const bool same_tile = position / 16 >= from / 16 && position / 16 <= (to - 1) / 16;
        EXPECT_EQ(inside(ranges, d.value_offset(layer, 0, position, 3)), wanted);
        EXPECT_EQ(inside(ranges, d.key_offset(layer, 0, position, 3)), same_tile);
      }
    }
  }
  EXPECT_TRUE(d.rows(0, 7, 7).empty());
}

TEST(Descriptor, UnneededRowsNeverTouchRowsStillNeeded) {
  const Descriptor d = two_layer_descriptor();
  for (uint32_t from = 0; from < 40; from += 7) {
    for (uint32_t to = from; to < 100; to += 9) {
      const auto ranges = d.unneeded_rows(1, from, to);
      for (uint32_t position = 0; position < kContext; ++position) {
        const bool given_back = inside(ranges, d.value_offset(1, 0, position, 23));
        EXPECT_EQ(given_back, position >= from && position < to);
        if (position >= to) {
          EXPECT_FALSE(inside(ranges, d.key_offset(1, 0, position, 23)));
        }
      }
    }
  }
}

TEST(Descriptor, RefusesPlansThatCannotBe) {
  const auto layers = two_layers();
  const size_t arena = arena_of(layers);
  const auto code = [&](uint32_t context, std::vector<LayerShape> shapes, size_t bytes) {
    return Descriptor::create(KvType::F16, context, std::move(shapes), bytes).status().code();
  };
  EXPECT_EQ(code(kContext, layers, arena), StatusCode::Ok);
  EXPECT_EQ(code(kContext, layers, arena - 1), StatusCode::Corrupt);
  EXPECT_EQ(code(kContext + 1, layers, arena), StatusCode::Corrupt);
  EXPECT_EQ(code(0, layers, arena), StatusCode::Corrupt);
  EXPECT_EQ(code(kContext, {}, arena), StatusCode::Corrupt);
  auto overlapping = layers;
  overlapping[1].offset -= 256;
  EXPECT_EQ(code(kContext, overlapping, arena), StatusCode::Corrupt);
  auto huge = layers;
  huge[0].head_dim = 0xFFFF'FFFF;
  EXPECT_EQ(code(kContext, huge, SIZE_MAX), StatusCode::Corrupt);
  auto far = layers;
  far[1].offset = SIZE_MAX - 8;
  EXPECT_EQ(code(kContext, far, arena), StatusCode::Corrupt);
  EXPECT_EQ(Descriptor::create(static_cast<KvType>(9), kContext, layers, arena).status().code(),
            StatusCode::Unsupported);
}

}  // namespace
}  // namespace etb::kv
