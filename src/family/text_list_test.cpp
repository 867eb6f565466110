#include "family/text_list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace etb::family {
namespace {

TEST(TextList, HoldsTextsByNumber) {
  TextList list = {"a", "", "ccc"};
  list.push_back("d");
  list.set(1, "b");
  list.set(6, "g");
  ASSERT_EQ(list.size(), 7u);
  EXPECT_EQ(list[1], "b");
  EXPECT_EQ(list[4], "") << "a hole";
  EXPECT_EQ(list[6], "g");
  list.resize(2);
  EXPECT_EQ(std::vector<std::string>(list.begin(), list.end()),
            (std::vector<std::string>{"a", "b"}));
}

TEST(TextList, FindsTheFirstOfAKind) {
  const TextList list = {"a", "b", "b"};
  EXPECT_EQ(list.find("b"), 1u);
  EXPECT_EQ(list.find("c"), list.size());
  EXPECT_EQ(std::count(list.begin(), list.end(), "b"), 2);
}

TEST(TextList, KeepsItsTextsWhenCopiedAndMoved) {
  TextList list;
  for (int i = 0; i < 1000; ++i) list.push_back(std::to_string(i));
  const TextList copy = list;
  const TextList moved = std::move(list);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(copy[static_cast<size_t>(i)], std::to_string(i));
    EXPECT_EQ(moved[static_cast<size_t>(i)], std::to_string(i));
  }
  EXPECT_GE(moved.bytes(), 2890u);
}

}  // namespace
}  // namespace etb::family
