// What is read back of a sealed file is what was written, or nothing.
#include "model/sealed_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

#include "model/cache_files.h"
#include "platform/test_folder.h"

namespace etb::model {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr Seal kSeal{"ETBTEST1", 0x0123456789abcdef};

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class SealedFile : public ::testing::Test {
 protected:
  Status keep(std::string_view tail) const {
    const Bytes content[] = {bytes_of("what "), {}, bytes_of("it holds")};
    return keep_sealed(folder_.path("cache"), name_, kSeal, {content, bytes_of(tail)});
  }
  std::string kept() const { return folder_.read("cache/" + name_); }
  // Empty if it is refused.
  static std::string opened(std::string_view file, size_t tail, const Seal& seal = kSeal) {
    const auto content = open_sealed(bytes_of(file), seal, tail);
    if (content.ok()) return {content->begin(), content->end()};
    EXPECT_EQ(content.status().code(), StatusCode::Corrupt);
    return {};
  }

  TestFolder folder_;
  std::string name_ = cache_file_name("a.pte", 1, kPackedWeights);
};

TEST_F(SealedFile, HoldsItsPartsOneBehindTheOther) {
  for (const std::string_view tail : {"", "the end"}) {
    ASSERT_TRUE(keep(tail).ok());
    EXPECT_EQ(opened(kept(), tail.size()), "what it holds");
    EXPECT_TRUE(kept().ends_with(tail));
    const auto mode = std::filesystem::status(folder_.path("cache/" + name_)).permissions();
    EXPECT_EQ(mode & std::filesystem::perms::others_read, std::filesystem::perms::none);
  }
}

TEST_F(SealedFile, EveryChangedOrMissingByteIsFound) {
  ASSERT_TRUE(keep("tail").ok());
  const std::string good = kept();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_EQ(opened(bad, 4), "") << "byte " << i;
    EXPECT_EQ(opened(good.substr(0, i), 4), "") << i << " bytes";
  }
  EXPECT_EQ(opened(good + "x", 4), "");
  EXPECT_EQ(opened(good, 0), "") << "read with another tail";
  EXPECT_EQ(opened(good, good.size() + 1), "");
}

TEST_F(SealedFile, AnothersSealIsNoSeal) {
  ASSERT_TRUE(keep("").ok());
  EXPECT_EQ(opened(kept(), 0, {"ETBTEST2", kSeal.key}), "");
  EXPECT_EQ(opened(kept(), 0, {kSeal.magic, 7}), "");
}

TEST_F(SealedFile, AFolderThatCannotBeIsAnError) {
  folder_.write("cache", std::string_view("a file"));
  EXPECT_FALSE(keep("").ok());
  EXPECT_EQ(folder_.count(), 1u);
}

}  // namespace
}  // namespace etb::model
