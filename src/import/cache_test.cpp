// The cache: one import a file, other files other entries, damage repaired, old things dropped.
#include "import/cache.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "import/test_files.h"
#include "import/verify.h"
#include "model/pte_file.h"
#include "support/random_gguf.h"

namespace etb::import {
namespace {

class Cache : public testing::Test {
 protected:
  Cache() { write_file(model_, test::random_gguf({})); }
  Result<std::string> get() { return cached_model(model_, options_); }
  std::vector<CacheEntry> entries() {
    auto list = list_cache(options_.folder);
    EXPECT_TRUE(list.ok());
    return *list;
  }

  // As if everything in the cache had been imported `minutes` earlier.
  void age(int minutes) {
    for (const CacheEntry& entry : entries()) {
      const auto time = std::filesystem::last_write_time(entry.path);
      std::filesystem::last_write_time(entry.path, time - std::chrono::minutes(minutes));
    }
  }

  TestFolder folder_;
  std::string model_ = folder_.path("My model (1).gguf");
  CacheOptions options_{.folder = folder_.path("cache"), .progress = {}};
};

TEST_F(Cache, ImportsOnce) {
  int calls = 0;
  options_.progress = [&](uint64_t, uint64_t) { ++calls; };
  const auto first = get();
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  const int after_first = calls;
  EXPECT_GT(after_first, 0);
  const auto second = get();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(calls, after_first);
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_EQ(entries()[0].path, *first);
  EXPECT_TRUE(entries()[0].current);
  EXPECT_EQ(entries()[0].model, "Random");
  EXPECT_TRUE(model::PteFile::open(*first).ok());
}

TEST_F(Cache, AChangedSourceIsAnotherEntry) {
  const auto first = get();
  write_file(model_, test::random_gguf({.seed = 2}));
  const auto second = get();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(*first, *second);
  EXPECT_EQ(entries().size(), 2u);
}

TEST_F(Cache, DamagedEntriesAreImportedAgain) {
  const auto path = get();
  ASSERT_TRUE(path.ok());
  const std::string good = read_file(*path);
  for (const std::string& bad : {good.substr(0, 1000), std::string(), good.substr(0, 20000)}) {
    write_file(*path, bad);
    ASSERT_EQ(*get(), *path);
    EXPECT_EQ(read_file(*path), good);
  }
}

TEST_F(Cache, AFailedImportLeavesNothing) {
  test::RandomGgufSpec spec;
  spec.extra_keys = [](test::GgufWriter& writer) { writer.key_u32("llama.expert_count", 8); };
  write_file(model_, test::random_gguf(spec));
  EXPECT_EQ(get().status().code(), StatusCode::Unsupported);
  EXPECT_TRUE(entries().empty());
  EXPECT_EQ(cached_model(folder_.path("none.gguf"), options_).status().code(),
            StatusCode::NotFound);
}

TEST_F(Cache, BeyondTheCapTheOldestGo) {
  const auto first = get();
  ASSERT_TRUE(first.ok());
  const uint64_t size = entries()[0].bytes;
  options_.max_bytes = 2 * size + size / 2;
  for (const uint64_t seed : {2u, 3u, 4u}) {
    age(11);
    write_file(model_, test::random_gguf({.seed = seed}));
    ASSERT_TRUE(get().ok());
  }
  EXPECT_EQ(entries().size(), 2u);
  EXPECT_FALSE(file_identity(*first).ok());
  // The one just imported stays, however small the cap.
  options_.max_bytes = 1;
  age(11);
  write_file(model_, test::random_gguf({.seed = 5}));
  const auto last = get();
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_EQ(entries()[0].path, *last);
}

// Another importer may have answered with it a moment ago.
TEST_F(Cache, YoungEntriesStayWhateverTheCap) {
  options_.max_bytes = 1;
  const auto first = get();
  ASSERT_TRUE(first.ok());
  write_file(options_.folder + "/m.0123456789abcdef.v0.pte", "of another version");
  age(9);
  write_file(model_, test::random_gguf({.seed = 2}));
  ASSERT_TRUE(get().ok());
  EXPECT_EQ(entries().size(), 3u);
  EXPECT_TRUE(file_identity(*first).ok());
  age(2);  // the first two are eleven minutes old, the third two
  write_file(model_, test::random_gguf({.seed = 3}));
  ASSERT_TRUE(get().ok());
  EXPECT_EQ(entries().size(), 2u);
  EXPECT_FALSE(file_identity(*first).ok());
}

TEST_F(Cache, OldVersionsGoForeignFilesStay) {
  ASSERT_TRUE(get().ok());
  write_file(options_.folder + "/m.0123456789abcdef.v0.pte", "old");
  age(11);
  write_file(options_.folder + "/notes.txt", "mine");
  write_file(options_.folder + "/own.pte", "mine");
  ASSERT_EQ(entries().size(), 2u);
  write_file(model_, test::random_gguf({.seed = 2}));
  ASSERT_TRUE(get().ok());
  EXPECT_EQ(entries().size(), 2u);
  const auto freed = clear_cache(options_.folder);
  ASSERT_TRUE(freed.ok());
  EXPECT_GT(*freed, 100000u);
  EXPECT_TRUE(entries().empty());
  EXPECT_EQ(read_file(options_.folder + "/notes.txt"), "mine");
  EXPECT_EQ(read_file(options_.folder + "/own.pte"), "mine");
}

TEST_F(Cache, WhatOthersKeepThereIsListedByItsName) {
  std::filesystem::create_directories(options_.folder);
  write_file(options_.folder + "/b.q4.0123456789abcdef.v1.packed", "weights");
  write_file(options_.folder + "/c.4.0123456789abcdef.v1.tokenizer", "ids");
  const auto list = entries();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].content, CacheContent::PackedWeights);
  EXPECT_EQ(list[0].model, "b.q4");
  EXPECT_EQ(list[1].content, CacheContent::Tokenizer);
  EXPECT_EQ(list[1].model, "c.4");
  EXPECT_TRUE(list[1].current);
  EXPECT_EQ(*clear_cache(options_.folder), 10u);
  EXPECT_TRUE(entries().empty());
}

TEST_F(Cache, NoFolderIsAnEmptyCache) {
  EXPECT_TRUE(list_cache(folder_.path("nowhere"))->empty());
  EXPECT_EQ(*clear_cache(folder_.path("nowhere")), 0u);
}

TEST_F(Cache, ImportersAtOnceAreHarmless) {
  std::vector<std::thread> threads;
  std::vector<std::string> paths(4);
  for (std::string& path : paths) {
    threads.emplace_back([&path, this] {
      auto result = cached_model(model_, options_);
      if (result.ok()) path = *result;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& path : paths) EXPECT_EQ(path, paths[0]);
  ASSERT_EQ(entries().size(), 1u);
  const auto pte = model::PteFile::open(paths[0]);
  ASSERT_TRUE(pte.ok());
  EXPECT_TRUE(verify_model(pte->bytes(), {})->damaged.empty());
}

}  // namespace
}  // namespace etb::import
