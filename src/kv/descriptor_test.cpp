// Every byte of a KV arena belongs to one row, and rows() names exactly those bytes.
#include "kv/descriptor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace etb::kv {
namespace {

constexpr uint32_t kContext = 128;

size_t bytes_of(const LayerShape& shape) {
  return size_t{2} * shape.kv_heads * kContext * shape.head_dim * 2;
}

// Two layers of different shape with a gap between them: planes K, V, K, V.
std::vector<Plane> two_layers() {
  LayerShape first{.kv_heads = 2, .head_dim = 8, .window = 0, .offset = 64};
  LayerShape second{.kv_heads = 1, .head_dim = 24, .window = 32, .offset = 0};
  second.offset = first.offset + bytes_of(first) + 128;
  std::vector<Plane> planes;
  add_layer(first, kContext, planes);
  add_layer(second, kContext, planes);
  return planes;
}

// As a stock program has them: bytes of any number, by position or by head, in any order.
std::vector<Plane> exported() {
  return {{.offset = 9000, .groups = 1, .positions = 130, .row_bytes = 3},
          {.offset = 100, .groups = 4, .positions = kContext, .row_bytes = 12}};
}

size_t arena_of(const std::vector<Plane>& planes) {
  size_t end = 0;
  for (const Plane& plane : planes) end = std::max(end, plane.offset + plane.bytes());
  return end;
}

Descriptor two_layer_descriptor() {
  const auto planes = two_layers();
  return Descriptor::create(KvType::F16, kContext, planes, arena_of(planes)).value();
}

Descriptor exported_descriptor() {
  const auto planes = exported();
  return Descriptor::create(KvType::AsExported, kContext, planes, arena_of(planes)).value();
}

size_t key_offset(const Descriptor& d, size_t layer, uint32_t head, uint32_t position,
                  uint32_t dim) {
  return d.byte_offset(2 * layer, head, position, 2 * dim);
}

size_t value_offset(const Descriptor& d, size_t layer, uint32_t head, uint32_t position,
                    uint32_t dim) {
  return d.byte_offset(2 * layer + 1, head, position, 2 * dim);
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
  size_t bytes = 0;
  for (const Plane& plane : d.planes()) bytes += plane.bytes();
  EXPECT_EQ(bytes, d.bytes_per_token() * kContext);
  EXPECT_EQ(d.largest_window(), 32U);
  EXPECT_EQ(exported_descriptor().bytes_per_token(), size_t{3 + 4 * 12});
  EXPECT_EQ(exported_descriptor().largest_window(), 0U);
}

TEST(Descriptor, ElementsFillThePlanesWithoutOverlap) {
  for (const Descriptor& d : {two_layer_descriptor(), exported_descriptor()}) {
    for (size_t index = 0; index < d.planes().size(); ++index) {
      const Plane& plane = d.planes()[index];
      const uint32_t element = plane.tiled ? 2 : 1;
      std::set<size_t> seen;
      for (uint32_t group = 0; group < plane.groups; ++group) {
        for (uint32_t position = 0; position < plane.positions; ++position) {
          for (uint32_t byte = 0; byte < plane.row_bytes; byte += element) {
            seen.insert(d.byte_offset(index, group, position, byte));
          }
        }
      }
      EXPECT_EQ(seen.size() * element, plane.bytes());
      EXPECT_EQ(*seen.begin(), plane.offset);
      EXPECT_EQ(*seen.rbegin() + element, plane.offset + plane.bytes());
    }
  }
}

TEST(Descriptor, FollowsTheLayoutTheKernelsUse) {
  const Descriptor d = two_layer_descriptor();
  // K: a tile holds 16 positions of one dim next to each other. V: a row holds the dims.
  EXPECT_EQ(key_offset(d, 0, 0, 1, 0) - key_offset(d, 0, 0, 0, 0), 2U);
  EXPECT_EQ(key_offset(d, 0, 0, 0, 1) - key_offset(d, 0, 0, 0, 0), 32U);
  EXPECT_EQ(key_offset(d, 0, 0, 16, 0) - key_offset(d, 0, 0, 0, 0), size_t{8 * 32});
  EXPECT_EQ(value_offset(d, 0, 0, 0, 1) - value_offset(d, 0, 0, 0, 0), 2U);
  EXPECT_EQ(value_offset(d, 0, 0, 1, 0) - value_offset(d, 0, 0, 0, 0), 16U);
  EXPECT_EQ(value_offset(d, 0, 0, 0, 0) - key_offset(d, 0, 0, 0, 0), size_t{2 * kContext * 8 * 2});
}

TEST(Descriptor, RowsCoverTheirElementsAndNoRowsOfOtherTiles) {
  const Descriptor d = two_layer_descriptor();
  const std::pair<uint32_t, uint32_t> cuts[] = {{0, 1},   {0, 128}, {5, 6},
                                                {15, 17}, {16, 32}, {40, 91}};
  for (const auto& [from, to] : cuts) {
    for (size_t layer = 0; layer < 2; ++layer) {
      const auto keys = d.rows(2 * layer, from, to), values = d.rows(2 * layer + 1, from, to);
      for (uint32_t position = 0; position < kContext; ++position) {
        const bool wanted = position >= from && position < to;
        const bool same_tile = position / 16 >= from / 16 && position / 16 <= (to - 1) / 16;
        EXPECT_EQ(inside(values, value_offset(d, layer, 0, position, 3)), wanted);
        EXPECT_EQ(inside(keys, key_offset(d, layer, 0, position, 3)), same_tile);
      }
    }
  }
  EXPECT_TRUE(d.rows(0, 7, 7).empty());
}

TEST(Descriptor, UnneededRowsNeverTouchRowsStillNeeded) {
  const Descriptor d = two_layer_descriptor();
  for (uint32_t from = 0; from < 40; from += 7) {
    for (uint32_t to = from; to < 100; to += 9) {
      const auto keys = d.unneeded_rows(2, from, to), values = d.unneeded_rows(3, from, to);
      for (uint32_t position = 0; position < kContext; ++position) {
        const bool given_back = inside(values, value_offset(d, 1, 0, position, 23));
        EXPECT_EQ(given_back, position >= from && position < to);
        if (position >= to) {
          EXPECT_FALSE(inside(keys, key_offset(d, 1, 0, position, 23)));
        }
      }
    }
  }
}

TEST(Descriptor, ExportedRowsAreTheirBytesAlone) {
  const Descriptor d = exported_descriptor();
  for (size_t plane = 0; plane < 2; ++plane) {
    for (const auto& ranges :
         {d.rows(plane, 5, 21), d.rows_after(plane, 5, 21), d.unneeded_rows(plane, 5, 21)}) {
      ASSERT_EQ(ranges.size(), d.planes()[plane].groups);
      for (uint32_t group = 0; group < ranges.size(); ++group) {
        EXPECT_EQ(ranges[group].offset, d.byte_offset(plane, group, 5, 0));
        EXPECT_EQ(ranges[group].bytes, size_t{16} * d.planes()[plane].row_bytes);
      }
    }
  }
}

TEST(Descriptor, RefusesPlansThatCannotBe) {
  const auto planes = two_layers();
  const size_t arena = arena_of(planes);
  const auto code = [&](uint32_t context, std::vector<Plane> shapes, size_t bytes) {
    return Descriptor::create(KvType::F16, context, std::move(shapes), bytes).status().code();
  };
  EXPECT_EQ(code(kContext, planes, arena), StatusCode::Ok);
  EXPECT_EQ(code(kContext, planes, arena - 1), StatusCode::Corrupt);
  EXPECT_EQ(code(kContext + 1, planes, arena), StatusCode::Corrupt);
  EXPECT_EQ(code(0, planes, arena), StatusCode::Corrupt);
  EXPECT_EQ(code(kContext, {}, arena), StatusCode::Corrupt);
  const auto changed = [&](auto change) {
    auto others = planes;
    change(others[2]);
    return code(kContext, others, arena);
  };
  EXPECT_EQ(changed([](Plane& p) { p.offset -= 256; }), StatusCode::Corrupt) << "they overlap";
  EXPECT_EQ(changed([](Plane& p) { p.offset = SIZE_MAX - 8; }), StatusCode::Corrupt);
  EXPECT_EQ(changed([](Plane& p) { p.row_bytes = UINT32_MAX; }), StatusCode::Corrupt);
  EXPECT_EQ(changed([](Plane& p) { p.row_bytes -= 1; }), StatusCode::Corrupt) << "half elements";
  EXPECT_EQ(changed([](Plane& p) { p.groups = 0; }), StatusCode::Corrupt);
  EXPECT_EQ(changed([](Plane& p) { p.positions -= 1; }), StatusCode::Corrupt);
  std::vector<Plane> huge;
  add_layer({.kv_heads = UINT32_MAX, .head_dim = UINT32_MAX}, kContext, huge);
  EXPECT_EQ(code(kContext, huge, SIZE_MAX), StatusCode::Corrupt);
  // Of our own files: whole units of context, and heads as wide as a kernel takes.
  const auto layer_code = [&](KvType type, uint32_t context, uint32_t head_dim) {
    std::vector<Plane> layer;
    add_layer({.kv_heads = 1, .head_dim = head_dim}, context, layer);
    return Descriptor::create(type, context, std::move(layer), size_t{1} << 24).status().code();
  };
  EXPECT_EQ(layer_code(KvType::F16, 64, 4096), StatusCode::Ok);
  EXPECT_EQ(layer_code(KvType::F16, 80, 4096), StatusCode::Corrupt);
  EXPECT_EQ(layer_code(KvType::F16, 64, 4097), StatusCode::Corrupt);
  EXPECT_EQ(layer_code(KvType::AsExported, 80, 4097), StatusCode::Ok);
  EXPECT_EQ(Descriptor::create(static_cast<KvType>(9), kContext, planes, arena).status().code(),
            StatusCode::Unsupported);
}

}  // namespace
}  // namespace etb::kv
