// Rows leave an arena and come back bit by bit, whatever the context, the cut and the window.
#include "kv/rows.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "kv/kv_memory.h"
#include "kv/model_tag.h"

namespace etb::kv {
namespace {

constexpr uint32_t kWindow = 32;

// A layer that sees everything and one with a window, of different shape.
KvMemory make(uint32_t context) {
  LayerShape full{.kv_heads = 2, .head_dim = 16, .window = 0, .offset = 64};
  LayerShape sliding{.kv_heads = 1, .head_dim = 48, .window = kWindow, .offset = 0};
  sliding.offset = full.offset + size_t{context} * 128 + 192;
  const size_t arena = sliding.offset + size_t{context} * 192;
  std::vector<Plane> planes;
  add_layer(full, context, planes);
  add_layer(sliding, context, planes);
  auto descriptor = Descriptor::create(KvType::F16, context, std::move(planes), arena);
  return KvMemory::reserve(std::move(descriptor).value(), arena).value();
}

// What the element of a row is: its place names it.
uint16_t mark(size_t plane, uint32_t group, uint32_t position, uint32_t element) {
  return static_cast<uint16_t>(1 + position * 211 + element * 7 + group * 1009 + plane * 4001);
}

template <class Visit>
void each_element(const Descriptor& descriptor, uint32_t position, Visit visit) {
  for (size_t plane = 0; plane < descriptor.planes().size(); ++plane) {
    const Plane& shape = descriptor.planes()[plane];
    for (uint32_t group = 0; group < shape.groups; ++group) {
      for (uint32_t byte = 0; byte < shape.row_bytes; byte += 2) {
        visit(plane, descriptor.byte_offset(plane, group, position, byte),
              mark(plane, group, position, byte / 2));
      }
    }
  }
}

void write_rows(KvMemory& memory, uint32_t from, uint32_t to) {
  memory.expect(to);
  for (uint32_t position = from; position < to; ++position) {
    each_element(memory.descriptor(), position, [&](size_t, size_t place, uint16_t wanted) {
      std::memcpy(memory.data() + place, &wanted, 2);
    });
  }
}

// Elements of the row that are not what they should be; of a layer that left the row out, not zero.
size_t wrong_elements(KvMemory& memory, uint32_t position, uint32_t floor) {
  size_t wrong = 0;
  each_element(memory.descriptor(), position, [&](size_t plane, size_t place, uint16_t wanted) {
    const uint32_t window = memory.descriptor().planes()[plane].window;
    uint16_t got = 0;
    std::memcpy(&got, memory.data() + place, 2);
    wrong += got != (position < first_needed(window, floor) ? 0 : wanted) ? 1 : 0;
  });
  return wrong;
}

std::vector<uint8_t> bytes_of(const RowsView& rows) {
  return {rows.bytes.begin(), rows.bytes.end()};
}

Rows copy_with_ids(const KvMemory& memory, uint32_t from, uint32_t to) {
  Rows rows = memory.copy_out(from, to).value();
  for (uint32_t p = from; p < to; ++p) rows.ids.push_back(p + 100);
  return rows;
}

TEST(Rows, AreWrittenAsTheHeaderSays) {
  KvMemory memory = make(64);
  write_rows(memory, 0, 40);
  const Rows rows = memory.copy_out(13, 35).value();
  EXPECT_EQ(rows.floor, 0U);
  size_t at = 0;
  for (uint32_t position = 13; position < 35; ++position) {
    each_element(memory.descriptor(), position, [&](size_t, size_t, uint16_t wanted) {
      uint16_t got = 0;
      ASSERT_LE(at + 2, rows.bytes.size());
      std::memcpy(&got, rows.bytes.data() + at, 2);
      ASSERT_EQ(got, wanted) << "position " << position << ", byte " << at;
      at += 2;
    });
  }
  EXPECT_EQ(at, rows.bytes.size());
  EXPECT_EQ(at, 22 * memory.descriptor().bytes_per_token());
}

// As two exports of one model have them: by head or not, for more or fewer positions.
TEST(Rows, OfExportedPlanesDependOnNoArena) {
  const auto make_exported = [](uint32_t context, size_t gap) {
    const size_t second = gap + size_t{context} * 2 * 10;
    std::vector<Plane> planes = {
        {.offset = gap, .groups = 2, .positions = context, .row_bytes = 10},
        {.offset = second, .groups = 1, .positions = context, .row_bytes = 6}};
    const size_t arena = second + size_t{context} * 6 + gap;
    auto descriptor = Descriptor::create(KvType::AsExported, context, std::move(planes), arena);
    return KvMemory::reserve(std::move(descriptor).value(), arena).value();
  };
  KvMemory source = make_exported(100, 3), target = make_exported(77, 40);
  write_rows(source, 0, 100);
  ASSERT_TRUE(target.copy_in(source.copy_out(9, 60)->view()).ok());
  for (uint32_t position = 0; position < 77; ++position) {
    const bool copied = position >= 9 && position < 60;
    EXPECT_EQ(wrong_elements(target, position, 0), copied ? 0U : 13U) << position;
  }
  EXPECT_EQ(source.copy_out(9, 60)->bytes.size(), 51 * size_t{26});
}

TEST(Rows, GoIntoAnyContextThatHoldsThem) {
  std::mt19937 random(5);
  KvMemory source = make(128);
  write_rows(source, 0, 128);
  for (int round = 0; round < 100; ++round) {
    const auto from = static_cast<uint32_t>(random() % 128);
    const auto to = static_cast<uint32_t>(from + random() % (129 - from));
    KvMemory target = make(round % 2 == 0 ? 256 : 128);
    ASSERT_TRUE(target.copy_in(source.copy_out(from, to)->view()).ok());
    for (uint32_t position = 0; position < 128; ++position) {
      const bool copied = position >= from && position < to;
      if (copied) {
        ASSERT_EQ(wrong_elements(target, position, 0), 0U) << from << " to " << to;
      } else {
        // Not one byte beside them is touched.
        each_element(target.descriptor(), position, [&](size_t, size_t place, uint16_t) {
          ASSERT_EQ(target.data()[place] | target.data()[place + 1], 0) << position;
        });
      }
    }
  }
  KvMemory small = make(64);
  EXPECT_EQ(small.copy_in(source.copy_out(0, 65)->view()).code(), StatusCode::ContextFull);
  EXPECT_TRUE(small.copy_in(source.copy_out(0, 64)->view()).ok());
}

TEST(Rows, PartsOfPositionsArePartsOfTheBytes) {
  KvMemory memory = make(256);
  write_rows(memory, 0, 200);
  memory.advance(200);
  const uint32_t floor = memory.rewind_floor();
  ASSERT_GT(floor, kWindow);
  const RowLayout layout = memory.descriptor().row_layout();
  const Rows whole = copy_with_ids(memory, 0, 200);
  EXPECT_EQ(whole.floor, floor);
  std::vector<uint8_t> joined;
  for (uint32_t from = 0; from < 200; from += 25) {
    const Rows part = copy_with_ids(memory, from, from + 25);
    const RowsView cut = slice(whole.view(), from, from + 25, layout);
    EXPECT_EQ(bytes_of(cut), bytes_of(part.view())) << from;
    EXPECT_EQ(cut.floor, part.floor);
    EXPECT_EQ(std::vector<TokenId>(cut.ids.begin(), cut.ids.end()), part.ids);
    EXPECT_EQ(part.floor == 0, first_needed(kWindow, floor) <= from);
    joined.insert(joined.end(), cut.bytes.begin(), cut.bytes.end());
  }
  EXPECT_EQ(joined, bytes_of(whole.view()));
}

TEST(Rows, LeaveOutWhatTheWindowGaveBack) {
  KvMemory source = make(256);
  write_rows(source, 0, 200);
  source.advance(200);
  const uint32_t floor = source.rewind_floor();
  const Rows whole = source.copy_out(0, 200).value();
  const RowLayout layout = source.descriptor().row_layout();
  EXPECT_EQ(whole.bytes.size(), 200 * 128U + (200 - first_needed(kWindow, floor)) * 192U);
  EXPECT_EQ(layout.bytes(0, 200, floor), whole.bytes.size());

  // In two steps: after the first the floor is ahead of the position.
  KvMemory target = make(512);
  ASSERT_TRUE(target.copy_in(slice(whole.view(), 0, 50, layout)).ok());
  EXPECT_EQ(target.rewind_floor(), floor);
  ASSERT_TRUE(target.copy_in(slice(whole.view(), 50, 200, layout)).ok());
  EXPECT_EQ(target.rewind_floor(), floor);
  for (uint32_t position = 0; position < 200; ++position) {
    ASSERT_EQ(wrong_elements(target, position, floor), 0U) << position;
  }
  // Straight from arena to arena it is the same.
  KvMemory direct = make(256);
  ASSERT_TRUE(direct.copy_rows(source, 0, 200).ok());
  EXPECT_EQ(direct.rewind_floor(), floor);
  EXPECT_EQ(bytes_of(direct.copy_out(0, 200)->view()), bytes_of(whole.view()));
}

TEST(Rows, OfAnotherModelAreRefusedByName) {
  KvMemory memory = make(64);
  write_rows(memory, 0, 30);
  Rows rows = copy_with_ids(memory, 0, 30);
  rows.model_key = 7;
  const ModelTag tag{7, "Tiny", KvType::F16, memory.descriptor().row_layout()};
  EXPECT_TRUE(check_rows(rows.view(), tag).ok());
  const Status other = check_rows(rows.view(), {8, "Other", KvType::F16, tag.layout});
  EXPECT_EQ(other.code(), StatusCode::InvalidArgument);
  EXPECT_NE(other.message().find("0000000000000007"), std::string_view::npos) << other.message();
  EXPECT_NE(other.message().find("'Other'"), std::string_view::npos) << other.message();

  RowsView view = rows.view();
  view.type = static_cast<KvType>(3);
  EXPECT_EQ(check_rows(view, tag).code(), StatusCode::InvalidArgument);
  view = rows.view();
  view.bytes = view.bytes.first(view.bytes.size() - 1);
  EXPECT_EQ(check_rows(view, tag).code(), StatusCode::Corrupt);
  view = rows.view();
  view.ids = view.ids.first(29);
  EXPECT_EQ(check_rows(view, tag).code(), StatusCode::Corrupt);
  view = rows.view();
  view.from = 31;
  EXPECT_EQ(check_rows(view, tag).code(), StatusCode::Corrupt);
}

model::Manifest some_manifest() {
  model::Manifest manifest;
  manifest.family = "llama";
  manifest.name = "Some";
  manifest.shape = {.layers = 2, .width = 64, .ffn = 96, .heads = 2, .kv_heads = 2, .head_dim = 32};
  manifest.tensors.push_back({"token_embd", "w4a", 64, 64, 0, 64, 99});
  return manifest;
}

TEST(ModelTag, DependsOnWhatTheRowsDependOn) {
  KvMemory memory = make(64);
  const auto key = [&](const model::Manifest& m) { return model_tag(m, memory.descriptor()).key; };
  const model::Manifest base = some_manifest();
  EXPECT_NE(key(base), 0U);
  EXPECT_EQ(model_tag(base, memory.descriptor()).name, "Some");
  EXPECT_EQ(model_tag(base, make(256).descriptor()).key, key(base));
  model::Manifest same = base;
  same.name = "Renamed";
  same.defaults.context = 4096;
  same.template_hash = 5;
  same.source_hash = 6;
  EXPECT_EQ(key(same), key(base));
  model::Manifest weights = base;
  weights.tensors[0].checksum ^= 1;
  EXPECT_NE(key(weights), key(base));
  model::Manifest graph = base;
  graph.shape.rope_base = 5e5;
  EXPECT_NE(key(graph), key(base));
}

}  // namespace
}  // namespace etb::kv
