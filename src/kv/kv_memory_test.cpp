// KV memory costs what has been written, gives back what no window reaches, and copies rows
// exactly.
#include "kv/kv_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace etb::kv {
namespace {

KvMemory make(uint32_t context, uint32_t window) {
  LayerShape full{.kv_heads = 1, .head_dim = 64, .window = 0, .offset = 0};
  LayerShape sliding = full;
  sliding.window = window;
  sliding.offset = size_t{2} * context * 64 * 2;
  const size_t arena = 2 * sliding.offset;
  std::vector<Plane> planes;
  add_layer(full, context, planes);
  add_layer(sliding, context, planes);
  auto descriptor = Descriptor::create(KvType::F16, context, std::move(planes), arena);
  return KvMemory::reserve(std::move(descriptor).value(), arena).value();
}

size_t key_offset(const KvMemory& memory, size_t layer, uint32_t position, uint32_t dim) {
  return memory.descriptor().byte_offset(2 * layer, 0, position, 2 * dim);
}

// What a kernel leaves behind: every element of rows [from, to) says where it is.
void write_rows(KvMemory& memory, uint32_t from, uint32_t to) {
  for (size_t layer = 0; layer < 2; ++layer) {
    for (uint32_t position = from; position < to; ++position) {
      for (uint32_t dim = 0; dim < 64; ++dim) {
        const auto mark = static_cast<uint16_t>(layer * 30000 + position * 64 + dim + 1);
        const size_t places[] = {
            key_offset(memory, layer, position, dim),
            memory.descriptor().byte_offset(2 * layer + 1, 0, position, 2 * dim)};
        for (const size_t place : places) std::memcpy(memory.data() + place, &mark, 2);
      }
    }
  }
}

uint16_t key_at(KvMemory& memory, size_t layer, uint32_t position, uint32_t dim) {
  uint16_t value = 0;
  std::memcpy(&value, memory.data() + key_offset(memory, layer, position, dim), 2);
  return value;
}

TEST(KvMemory, CommitsOnlyWhatIsWritten) {
  KvMemory memory = make(16384, 0);
  EXPECT_EQ(memory.size(), size_t{2} * 2 * 16384 * 64 * 2);
  EXPECT_EQ(memory.committed_bytes().value(), 0U);
  write_rows(memory, 0, 64);
  EXPECT_EQ(memory.bytes_in_use(64), 64 * memory.descriptor().bytes_per_token());
  EXPECT_GE(memory.committed_bytes().value(), memory.bytes_in_use(64));
  EXPECT_LE(memory.committed_bytes().value(), memory.bytes_in_use(64) + 4 * page_size());
}

TEST(KvMemory, KeepsEverythingWithoutAWindow) {
  KvMemory memory = make(1024, 0);
  write_rows(memory, 0, 1024);
  memory.advance(1024);
  EXPECT_EQ(memory.rewind_floor(), 0U);
  EXPECT_EQ(key_at(memory, 1, 0, 0), 30001U);
}

TEST(KvMemory, GivesBackRowsBehindTheWindow) {
  KvMemory memory = make(4096, 256);
  for (uint32_t position = 64; position <= 4096; position += 64) {
    write_rows(memory, position - 64, position);
    memory.advance(position);
    const uint32_t floor = memory.rewind_floor();
    ASSERT_LE(floor + 256, std::max(position, 256U));
    // A query at the floor still sees its whole window, in both layers.
    const uint32_t oldest = floor < 256 ? 0 : floor - 255;
    EXPECT_EQ(key_at(memory, 1, oldest, 5), static_cast<uint16_t>(30000 + oldest * 64 + 6));
    EXPECT_EQ(key_at(memory, 0, 0, 5), 6U);
  }
  EXPECT_EQ(memory.rewind_floor(), 4096U - 256U);
  EXPECT_EQ(key_at(memory, 1, 0, 5), 0U);
  // The full layer holds 4096 rows, the sliding one the window and as much to rewind into.
  EXPECT_LE(memory.bytes_in_use(4096), (4096 + 2 * 256) * size_t{256});
  EXPECT_LE(memory.committed_bytes().value(), (4096 + 2 * 256) * size_t{256} + 8 * page_size());
}

TEST(KvMemory, HoldsNoMoreOfAWindowThanItSays) {
  constexpr uint32_t kChunk = 48;
  for (const uint32_t window : {64U, 300U, 1500U}) {
    KvMemory memory = make(8192, window);
    size_t most = 0;
    for (uint32_t end = kChunk; end <= 8192; end += kChunk) {
      write_rows(memory, end - kChunk, end);
      const size_t held = memory.bytes_in_use(end) - end * size_t{256};
      most = std::max(most, held / 256);
      ASSERT_LE(held, most_window_rows(window, kChunk) * 256) << "at " << end;
      memory.advance(end);
      ASSERT_LE(memory.rewind_floor(),
                std::max(end, std::min(window, kRewindRoom)) - std::min(window, kRewindRoom));
    }
    EXPECT_GT(most + kChunk, most_window_rows(window, kChunk) - kChunk) << "as it is reached";
  }
}

TEST(KvMemory, ClearEmptiesIt) {
  KvMemory memory = make(1024, 64);
  write_rows(memory, 0, 1024);
  memory.advance(1024);
  EXPECT_GT(memory.rewind_floor(), 0U);
  ASSERT_TRUE(memory.clear().ok());
  EXPECT_EQ(memory.rewind_floor(), 0U);
  EXPECT_EQ(memory.committed_bytes().value(), 0U);
}

TEST(KvMemory, ADeepRewindGivesMemoryBack) {
  KvMemory memory = make(4096, 0);
  memory.expect(3000);
  write_rows(memory, 0, 3000);
  memory.rewind(3000 - kTrimPositions + 1);
  EXPECT_EQ(key_at(memory, 0, 2999, 5), static_cast<uint16_t>(2999 * 64 + 6));  // not worth it yet
  memory.rewind(1001);
  EXPECT_LE(memory.committed_bytes().value(), memory.bytes_in_use(1001) + 8 * page_size());
  for (uint32_t position = 0; position < 1001; ++position) {
    ASSERT_EQ(key_at(memory, 1, position, 5), static_cast<uint16_t>(30000 + position * 64 + 6));
  }
  EXPECT_EQ(key_at(memory, 1, 2999, 5), 0U);
}

TEST(KvMemory, SmallRewindsGiveMemoryBackOnceTheyAddUp) {
  KvMemory memory = make(4096, 0);
  memory.expect(2000);
  write_rows(memory, 0, 2000);
  for (uint32_t position = 2000; position >= 1020; position -= 7) memory.rewind(position);
  EXPECT_LE(memory.committed_bytes().value(),
            memory.bytes_in_use(1020 + kTrimPositions) + 8 * page_size());
}

TEST(KvMemory, CopiesRows) {
  KvMemory source = make(256, 0);
  KvMemory copy = make(256, 0);
  write_rows(source, 0, 200);
  ASSERT_TRUE(copy.copy_rows(source, 0, 130).ok());
  for (size_t plane = 0; plane < 4; ++plane) {
    for (const ByteRange& range : source.descriptor().rows(plane, 0, 130)) {
      EXPECT_EQ(std::memcmp(copy.data() + range.offset, source.data() + range.offset, range.bytes),
                0);
    }
  }
  for (const size_t layer : {0U, 1U}) EXPECT_EQ(key_at(copy, layer, 150, 0), 0U);
  KvMemory other = make(512, 0);
  EXPECT_EQ(other.copy_rows(source, 0, 10).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(copy.copy_rows(source, 0, 257).code(), StatusCode::ContextFull);
  EXPECT_EQ(copy.copy_rows(source, 9, 8).code(), StatusCode::InvalidArgument);
}

TEST(KvMemory, RefusesAnArenaThatIsTooSmall) {
  std::vector<Plane> planes;
  add_layer({.kv_heads = 1, .head_dim = 64, .window = 0, .offset = 0}, 64, planes);
  auto descriptor = Descriptor::create(KvType::F16, 64, std::move(planes), 64 * 256);
  EXPECT_EQ(KvMemory::reserve(std::move(descriptor).value(), 100).status().code(),
            StatusCode::InvalidArgument);
}

// A stock file's arena: its rows lie among other things, which a rewind to the start must not
// touch.
TEST(KvMemory, LeavesAloneWhatAnExporterPutBesideTheRows) {
  constexpr uint32_t kPositions = 2048, kRow = 64;
  const size_t page = page_size(), rows = size_t{kPositions} * kRow;
  const Plane plane{.offset = page, .groups = 1, .positions = kPositions, .row_bytes = kRow};
  const size_t arena = rows + 2 * page;
  auto descriptor = Descriptor::create(KvType::AsExported, kPositions, {plane}, arena);
  KvMemory memory = KvMemory::reserve(std::move(descriptor).value(), arena).value();
  std::memset(memory.data(), 7, arena);
  memory.advance(kPositions);
  ASSERT_TRUE(memory.clear().ok());
  EXPECT_LE(memory.committed_bytes().value(), 2 * page);
  EXPECT_EQ(memory.data()[page - 1], 7);
  EXPECT_EQ(memory.data()[arena - page], 7);
  EXPECT_EQ(memory.data()[page], 0);
  const Rows copied = memory.copy_out(0, 3).value();
  EXPECT_EQ(copied.type, KvType::AsExported);
  EXPECT_EQ(copied.bytes.size(), 3 * kRow);
}

}  // namespace
}  // namespace etb::kv
