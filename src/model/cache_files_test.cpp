// Names in the cache folder, who a file is, and what goes when.
#include "model/cache_files.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "platform/paths.h"
#include "platform/test_folder.h"

namespace etb::model {
namespace {

uint64_t identity_hash(const std::string& path) {
  auto hash = StreamHash::create();
  add_identity(*hash, **MappedFile::open(path));
  return hash->value();
}

TEST(CacheFiles, NamesTellKindAndVersion) {
  const std::string name = cache_file_name("/a/My model (1).q4.pte", 0xabc, kPackedWeights);
  EXPECT_EQ(name, "My_model__1_.q4.0000000000000abc.v1.packed");
  EXPECT_TRUE(is_of_kind(name, kPackedWeights) && is_current_cache_name(name));
  EXPECT_FALSE(is_of_kind(name, kImportedModel));
  const std::string old = cache_file_name("x.gguf", 1, {".pte", 1});
  EXPECT_TRUE(is_cache_name(old) && is_of_kind(old, kImportedModel));
  EXPECT_FALSE(is_current_cache_name(old));
  for (const char* other : {"model.pte", ".packed", "x.v1.packed", "x.0000000000000abc.v.packed",
                            "x.000000000000zabc.v1.packed", "x.0000000000000abc.v1.txt"}) {
    EXPECT_FALSE(is_cache_name(other)) << other;
  }
}

TEST(CacheFiles, AFileThatWasWrittenToIsAnotherOne) {
  const TestFolder folder;
  const std::string path = folder.write("model", std::string(3 << 20, 'a'));
  const uint64_t before = identity_hash(path);
  EXPECT_EQ(identity_hash(path), before);
  const auto time = std::filesystem::last_write_time(path);
  std::string text(3 << 20, 'a');
  text[5] = 'b';
  folder.write("model", text);
  std::filesystem::last_write_time(path, time);
  EXPECT_NE(identity_hash(path), before) << "though its time was put back";
  std::filesystem::copy_file(path, folder.path("copy"));
  EXPECT_NE(identity_hash(folder.path("copy")), identity_hash(path));
}

class Shrinking : public ::testing::Test {
 protected:
  // A kilobyte, `minutes` old.
  std::string add(const std::string& name, int minutes) {
    const std::string path = folder_.write(name, std::string(1024, 'x'));
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::minutes(minutes));
    return name;
  }
  bool has(const std::string& name) const { return std::filesystem::exists(folder_.path(name)); }

  TestFolder folder_;
};

TEST_F(Shrinking, TheOldestOfAnyKindGoFirst) {
  const auto oldest = add(cache_file_name("a.pte", 1, kPackedWeights), 300);
  const auto older = add(cache_file_name("b.gguf", 2, kImportedModel), 200);
  const auto newer = add(cache_file_name("c.pte", 3, kPackedWeights), 100);
  shrink_cache(folder_.path(), "", 4096);
  EXPECT_TRUE(has(oldest) && has(older) && has(newer));
  shrink_cache(folder_.path(), older, 1024);
  EXPECT_FALSE(has(oldest) || has(newer));
  EXPECT_TRUE(has(older)) << "it is to be kept";
}

TEST_F(Shrinking, YoungAndForeignFilesStay) {
  const auto young = add(cache_file_name("a.pte", 1, kPackedWeights), 5);
  const auto foreign = add("notes.txt", 100'000);
  const auto outdated = add(cache_file_name("a.pte", 1, {".packed", 99}), 11);
  const auto in_the_making = add(".etb-x-1-0.part", 60);
  const auto left_behind = add(".etb-x-2-0.part", 25 * 60);
  shrink_cache(folder_.path(), "", 0);
  EXPECT_TRUE(has(young) && has(foreign) && has(in_the_making));
  EXPECT_FALSE(has(outdated) || has(left_behind));
}

}  // namespace
}  // namespace etb::model
