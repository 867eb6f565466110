// Memory that costs only what was written to, and can be given back page by page.
#include "platform/anonymous_memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <gtest/gtest.h>

namespace etb {
namespace {

bool all_equal(const uint8_t* from, size_t count, uint8_t value) {
  return std::all_of(from, from + count, [value](uint8_t byte) { return byte == value; });
}

TEST(AnonymousMemory, CommitsOnlyWhatIsTouched) {
  constexpr size_t kReserved = size_t{1} << 32;  // more than many a machine has
  auto memory = AnonymousMemory::reserve(kReserved);
  ASSERT_TRUE(memory.ok()) << memory.status().to_string();
  EXPECT_EQ(memory->size(), kReserved);
  memory->data()[0] = 1;
  memory->data()[kReserved - 1] = 2;
  auto small = AnonymousMemory::reserve(64 * page_size());
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(*small->committed_bytes(), 0U);
  small->data()[5 * page_size()] = 1;
  small->data()[9 * page_size()] = 1;
  EXPECT_EQ(*small->committed_bytes(), 2 * page_size());
}

TEST(AnonymousMemory, IsZeroAtFirst) {
  auto memory = AnonymousMemory::reserve(3 * page_size() + 17);
  ASSERT_TRUE(memory.ok());
  EXPECT_TRUE(all_equal(memory->data(), memory->size(), 0));
}

TEST(AnonymousMemory, DiscardGivesWholePagesBackAndZeroesTheRest) {
  const size_t page = page_size();
  auto memory = AnonymousMemory::reserve(8 * page);
  ASSERT_TRUE(memory.ok());
  std::memset(memory->data(), 7, memory->size());
  ASSERT_EQ(*memory->committed_bytes(), 8 * page);
  // From the middle of page 1 to the middle of page 5: pages 2, 3 and 4 go.
  ASSERT_TRUE(memory->discard(page + page / 2, 4 * page).ok());
  EXPECT_EQ(*memory->committed_bytes(), 5 * page);
  EXPECT_TRUE(all_equal(memory->data(), page + page / 2, 7));
  EXPECT_TRUE(all_equal(memory->data() + page + page / 2, 4 * page, 0));
  EXPECT_TRUE(all_equal(memory->data() + 5 * page + page / 2, 2 * page + page / 2, 7));
}

TEST(AnonymousMemory, DiscardWithinOnePageZeroesJustThat) {
  auto memory = AnonymousMemory::reserve(2 * page_size());
  ASSERT_TRUE(memory.ok());
  std::memset(memory->data(), 7, memory->size());
  ASSERT_TRUE(memory->discard(10, 20).ok());
  EXPECT_TRUE(all_equal(memory->data(), 10, 7));
  EXPECT_TRUE(all_equal(memory->data() + 10, 20, 0));
  EXPECT_TRUE(all_equal(memory->data() + 30, memory->size() - 30, 7));
}

TEST(AnonymousMemory, DiscardToAnEndWithinAPageGivesThatPageBack) {
  auto memory = AnonymousMemory::reserve(page_size() + 100);
  ASSERT_TRUE(memory.ok());
  std::memset(memory->data(), 7, memory->size());
  ASSERT_TRUE(memory->discard(page_size(), 100).ok());
  EXPECT_EQ(*memory->committed_bytes(), page_size());
  EXPECT_TRUE(all_equal(memory->data() + page_size(), 100, 0));
}

TEST(AnonymousMemory, DiscardBeyondTheEndIsRefusedAndChangesNothing) {
  auto memory = AnonymousMemory::reserve(page_size());
  ASSERT_TRUE(memory.ok());
  std::memset(memory->data(), 7, memory->size());
  constexpr size_t kHuge = ~size_t{0};
  for (auto [offset, length] :
       {std::pair<size_t, size_t>{0, page_size() + 1}, {page_size(), 1}, {kHuge, 1}, {1, kHuge}}) {
    EXPECT_EQ(memory->discard(offset, length).code(), StatusCode::InvalidArgument);
  }
  EXPECT_TRUE(memory->discard(page_size(), 0).ok());
  EXPECT_TRUE(all_equal(memory->data(), memory->size(), 7));
}

TEST(AnonymousMemory, TooMuchIsAnErrorThatSaysHowMuch) {
  const auto memory = AnonymousMemory::reserve(~size_t{0} / 2);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), StatusCode::OutOfMemory);
  EXPECT_NE(memory.status().message().find("9223372036854775807 bytes"), std::string_view::npos);
}

TEST(AnonymousMemory, MoreThanAPhoneCanHaveIsADamagedLength) {
  const auto memory = AnonymousMemory::reserve((size_t{128} << 30) + 1);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), StatusCode::OutOfMemory);
}

TEST(AnonymousMemory, MovesAndMayBeEmpty) {
  auto memory = AnonymousMemory::reserve(page_size());
  ASSERT_TRUE(memory.ok());
  memory->data()[3] = 9;
  AnonymousMemory moved = std::move(*memory);
  EXPECT_EQ(moved.data()[3], 9);
  AnonymousMemory assigned;
  EXPECT_EQ(assigned.size(), 0U);
  EXPECT_EQ(*assigned.committed_bytes(), 0U);
  assigned = std::move(moved);
  EXPECT_EQ(assigned.data()[3], 9);
  EXPECT_EQ(assigned.span().size(), page_size());
  EXPECT_EQ(AnonymousMemory::reserve(0)->data(), nullptr);
}

TEST(AnonymousMemory, ReleaseLeavesPartlyCoveredPagesAlone) {
  const size_t page = page_size();
  AnonymousMemory memory = std::move(AnonymousMemory::reserve(4 * page)).value();
  std::memset(memory.data(), 5, memory.size());
  ASSERT_TRUE(memory.release(page / 2, 2 * page).ok());
  EXPECT_TRUE(all_equal(memory.data(), page, 5));
  EXPECT_TRUE(all_equal(memory.data() + page, page, 0));
  EXPECT_TRUE(all_equal(memory.data() + 2 * page, 2 * page, 5));
  ASSERT_TRUE(memory.release(page + 1, 2).ok());
  EXPECT_EQ(memory.release(4 * page, 1).code(), StatusCode::InvalidArgument);
}

TEST(AnonymousMemory, AFaultIsWhatTheSystemWouldSay) {
  size_t asked = 0;
  {
    const MemoryFault second([&](size_t bytes) {
      EXPECT_EQ(bytes, 100U);
      return ++asked == 2;
    });
    EXPECT_TRUE(AnonymousMemory::reserve(100).ok());
    EXPECT_EQ(AnonymousMemory::reserve(100).status().code(), StatusCode::OutOfMemory);
    EXPECT_TRUE(AnonymousMemory::reserve(100).ok());
  }
  EXPECT_TRUE(AnonymousMemory::reserve(50).ok());
  EXPECT_EQ(asked, 3U);
}

}  // namespace
}  // namespace etb
