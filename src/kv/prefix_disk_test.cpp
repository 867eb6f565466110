// The prefix store's folder: what leaves memory is found again, now and at the next start, and what
// is wrong with a file costs no more than its rows.
#include <gtest/gtest.h>

#include <cerrno>

#include "kv/prefix_store.h"
#include "kv/test_prefixes.h"
#include "platform/test_folder.h"

namespace etb::kv {
namespace {

struct DiskTest : ::testing::Test {
  TestFolder folder;
  std::mt19937 random{14};
  Ids first = random_ids(random, 600, 100);
  Ids second = joined(Ids(first.begin(), first.begin() + 256), random_ids(random, 300, 100));

  std::unique_ptr<PrefixStore> open(DiskFaults faults = {}, uint64_t disk = kPlenty,
                                    const ModelTag& model = test_model()) {
    auto store = PrefixStore::create({.model = model,
                                      .budget_bytes = kPlenty,
                                      .folder = folder.path("kv"),
                                      .disk_budget_bytes = disk,
                                      .disk_faults = std::move(faults)});
    EXPECT_TRUE(store.ok()) << store.status().to_string();
    return std::move(store).value();
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    const auto entries = list_files(folder.path("kv"));
    for (const FolderEntry& entry : *entries) names.push_back("kv/" + entry.name);
    return names;
  }
};

TEST_F(DiskTest, WhatLeavesMemoryIsFoundAgain) {
  const auto store = open();
  insert(*store, first);
  insert(*store, second);
  store->set_budget(0);
  EXPECT_EQ(store->stats().bytes, 0U);
  EXPECT_EQ(store->stats().disk_nodes, 5U);
  EXPECT_EQ(files().size(), 5U);
  EXPECT_EQ(store->longest_prefix(first), 600U);
  expect_rows(*store, first, 0, 600);
  expect_rows(*store, second, 17, 500);
  // It goes on growing from there, also in the middle of what lies in a file.
  store->set_budget(kPlenty);
  Ids third = first;
  third.resize(400);
  third = joined(third, random_ids(random, 100, 100));
  EXPECT_EQ(insert(*store, third), 500U);
  expect_rows(*store, third, 0, 500);
  expect_rows(*store, first, 0, 600);
}

TEST_F(DiskTest, ANewStartFindsEverything) {
  {
    const auto store = open();
    insert(*store, first);
    store->set_budget(0);
    store->set_budget(kPlenty);
    Ids third = first;  // parts in the middle of a file
    third.resize(400);
    third = joined(third, second);
    insert(*store, third);
    insert(*store, second);
    store->set_budget(0);
  }
  const size_t before = files().size();
  const auto store = open();
  EXPECT_EQ(store->stats().nodes, 0U);
  EXPECT_EQ(files().size(), before);
  EXPECT_EQ(store->longest_prefix(second), second.size());
  expect_rows(*store, first, 0, 600);
  expect_rows(*store, second, 100, 500);
  Ids third = first;
  third.resize(400);
  third = joined(third, second);
  expect_rows(*store, third, 0, static_cast<uint32_t>(third.size()));
  store->clear();
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(store->stats().disk_bytes, 0U);
}

TEST_F(DiskTest, DamagedAndForeignFilesAreRemovedOthersLeftAlone) {
  {
    const auto store = open();
    insert(*store, first);
    insert(*store, second);
    store->set_budget(0);
  }
  const auto names = files();
  std::string bytes = folder.read(names[0]);
  folder.write("kv/copy.etbrows", std::string_view(bytes).substr(0, 100));
  folder.write("kv/empty.etbrows", std::string_view());
  folder.write("kv/notes.txt", std::string_view("mine"));
  EXPECT_EQ(open()->longest_prefix(first), 600U);
  EXPECT_EQ(files().size(), names.size() + 1);
  // All of another model.
  const auto other = open({}, kPlenty, test_model(1234));
  EXPECT_EQ(other->longest_prefix(first), 0U);
  EXPECT_EQ(files(), std::vector<std::string>{"kv/notes.txt"});
}

TEST_F(DiskTest, WhatContinuesALostFileIsLostToo) {
  {
    const auto store = open();
    insert(*store, first);
    insert(*store, second);
    store->set_budget(0);
  }
  // Each file in turn; every one of them begins or continues one of the two.
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& name : files()) all.emplace_back(name, folder.read(name));
  for (const auto& [lost, ignored] : all) {
    for (const auto& [name, bytes] : all) folder.write(name, bytes);
    ASSERT_TRUE(remove_file(folder.path(lost)).ok());
    const auto store = open();
    const uint32_t a = store->longest_prefix(first);
    const uint32_t b = store->longest_prefix(second);
    EXPECT_LT(a + b, first.size() + second.size());
    EXPECT_EQ(a % 256 == 0 || a == 600, true);
    expect_rows(*store, first, 0, a);
    expect_rows(*store, second, 0, b);
  }
}

TEST_F(DiskTest, DamageFoundWhenReadIsForgotten) {
  const auto store = open();
  insert(*store, first);
  store->set_budget(0);
  for (const std::string& name : files()) {
    std::string bytes = folder.read(name);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);  // in the rows: not seen at a start
    folder.write(name, bytes);
  }
  EXPECT_EQ(open()->longest_prefix(first), 600U);
  EXPECT_EQ(store->fetch(first, 512, 600).status().code(), StatusCode::Corrupt);
  EXPECT_EQ(store->longest_prefix(first), 512U);
  EXPECT_EQ(store->fetch(first, 0, 512).status().code(), StatusCode::Corrupt);
  EXPECT_EQ(store->fetch(first, 0, store->longest_prefix(first)).status().code(),
            StatusCode::Corrupt);
  EXPECT_EQ(store->longest_prefix(first), 0U);
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(store->stats().disk_bytes, 0U);
}

TEST_F(DiskTest, AFullDiskOnlyLosesTheRows) {
  DiskFaults faults;
  size_t writes = 0;
  faults.before_write = [&](size_t bytes) {
    return ++writes > 4 ? -int64_t{ENOSPC} : static_cast<int64_t>(bytes);
  };
  const auto store = open(faults);
  insert(*store, first);
  store->set_budget(0);
  // The end was written (three writes a file); what it continues was not, so it went as well.
  EXPECT_EQ(store->longest_prefix(first), 0U);
  EXPECT_EQ(store->stats().disk_bytes, 0U);
  EXPECT_TRUE(files().empty());
  store->set_budget(kPlenty);
  EXPECT_EQ(insert(*store, first), 600U);
}

TEST_F(DiskTest, TheDisksBudgetHolds) {
  insert(*open(), first);
  const uint64_t one = 4096 * 2 + 256 * 24;
  {
    const auto store = open({}, 3 * one);
    for (int i = 0; i < 30; ++i) {
      insert(*store, random_ids(random, 256, 100));
      store->set_budget(0);
      store->set_budget(kPlenty);
      ASSERT_LE(store->stats().disk_bytes, 3 * one);
    }
    const Ids last = random_ids(random, 256, 100);
    insert(*store, last);
    store->set_budget(0);
    EXPECT_EQ(store->longest_prefix(last), 256U);
    EXPECT_GE(store->stats().disk_nodes, 2U);
  }
  const auto smaller = open({}, one);
  EXPECT_LE(smaller->stats().disk_bytes, one);
  EXPECT_EQ(files().size(), smaller->stats().disk_nodes);
}

TEST(PrefixStoreFolder, MustBePossible) {
  const TestFolder folder;
  folder.write("file", std::string_view("x"));
  EXPECT_FALSE(PrefixStore::create({.model = test_model(), .folder = folder.path("file/kv")}).ok());
  EXPECT_EQ(PrefixStore::create({.model = test_model(0)}).status().code(),
            StatusCode::InvalidArgument);
}

}  // namespace
}  // namespace etb::kv
