// The FlatBuffer writer against the wire format, read back by hand.
#include "import/flat_writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace etb::import {
namespace {

using W = FlatWriter;

template <class T>
T at(const W& w, size_t position) {
  T value;
  EXPECT_LE(position + sizeof(T), w.bytes().size());
  std::memcpy(&value, w.bytes().data() + position, sizeof(value));
  return value;
}

// Where a table's field stands; 0: absent.
size_t field(const W& w, size_t table, uint16_t slot) {
  const size_t vtable = table - static_cast<size_t>(at<int32_t>(w, table));
  if (at<uint16_t>(w, vtable) < 4 + 2 * (slot + 1)) return 0;
  const auto offset = at<uint16_t>(w, vtable + 4 + 2u * slot);
  return offset == 0 ? 0 : table + offset;
}
size_t follow(const W& w, size_t reference) {
  return reference + at<uint32_t>(w, reference);
}

TEST(FlatWriter, FieldsStandAlignedUnderTheirSlots) {
  W w(48);
  const size_t table = w.table({W::u8(0, 7), W::u64(2, 1ull << 40), W::u32(3, 9)});
  EXPECT_EQ(at<uint8_t>(w, field(w, table, 0)), 7);
  EXPECT_EQ(field(w, table, 1), 0u);
  EXPECT_EQ(at<uint64_t>(w, field(w, table, 2)), 1ull << 40);
  EXPECT_EQ(field(w, table, 2) % 8, 0u);
  EXPECT_EQ(at<uint32_t>(w, field(w, table, 3)), 9u);
  EXPECT_EQ(field(w, table, 3) % 4, 0u);
  EXPECT_EQ(field(w, table, 4), 0u);
}

TEST(FlatWriter, EqualVtablesAreShared) {
  W w(4);
  const size_t one = w.table({W::u32(0, 1), W::ref(1)});
  const size_t size = w.bytes().size();
  const size_t two = w.table({W::u32(0, 2), W::ref(1)});
  EXPECT_EQ(w.bytes().size() - size, 12u);  // no second vtable
  EXPECT_EQ(one - static_cast<size_t>(at<int32_t>(w, one)),
            two - static_cast<size_t>(at<int32_t>(w, two)));
}

TEST(FlatWriter, LinksPointForward) {
  W w(4);
  const size_t parent = w.table({W::ref(0), W::ref(1)});
  w.link_root(parent);
  const size_t list = w.vector_refs(2);
  w.link(parent, 0, list);
  w.link_item(list, 0, w.string("one"));
  w.link_item(list, 1, w.string(""));
  w.link(parent, 1, w.string("name"));
  EXPECT_EQ(follow(w, 0), parent);
  EXPECT_EQ(follow(w, field(w, parent, 0)), list);
  EXPECT_EQ(at<uint32_t>(w, list), 2u);
  const size_t one = follow(w, list + 4);
  EXPECT_EQ(at<uint32_t>(w, one), 3u);
  EXPECT_EQ(std::memcmp(w.bytes().data() + one + 4, "one", 4), 0);  // with its 0 at the end
  EXPECT_EQ(at<uint32_t>(w, follow(w, list + 8)), 0u);
  EXPECT_EQ(at<uint8_t>(w, follow(w, list + 8) + 4), 0);
}

TEST(FlatWriter, VectorItemsAreAligned) {
  for (size_t skew = 0; skew < 9; ++skew) {
    W w(4 + skew);
    const uint64_t wide[] = {1, 1ull << 50};
    const size_t wides = w.vector_u64(wide);
    EXPECT_EQ((wides + 4) % 8, 0u);
    EXPECT_EQ(at<uint64_t>(w, wides + 12), 1ull << 50);
    const int32_t numbers[] = {-1, 5};
    const size_t ints = w.vector_i32(numbers);
    EXPECT_EQ(ints % 4, 0u);
    EXPECT_EQ(at<int32_t>(w, ints + 4), -1);
    const uint8_t order[] = {0, 1, 2};
    const size_t small = w.vector_u8(order);
    EXPECT_EQ(at<uint32_t>(w, small), 3u);
    EXPECT_EQ(at<uint8_t>(w, small + 6), 2);
    EXPECT_EQ(at<uint32_t>(w, w.vector_i32({})), 0u);
  }
}

}  // namespace
}  // namespace etb::import
