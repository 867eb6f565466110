// A held file outlives its name, is opened anew by its path, and shares its lock.
#include "platform/held_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "platform/test_folder.h"

namespace etb {
namespace {

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(HeldFile, IsTheSameFileWhateverHappensToItsName) {
  const TestFolder folder;
  const std::string path = folder.write("weights", "first");
  const auto file = HeldFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  folder.write("other", "second");
  std::filesystem::rename(folder.path("other"), path);
  EXPECT_EQ(text_of(**file->map()), "first");
  std::ifstream anew(file->path());
  std::string text;
  anew >> text;
  EXPECT_EQ(text, "first");
}

TEST(HeldFile, InMemoryIsWrittenThroughItsPath) {
  const auto file = HeldFile::in_memory("packed");
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ(file->map().status().code(), StatusCode::Corrupt) << "empty";
  std::ofstream(file->path()) << "packed weights";
  EXPECT_EQ(text_of(**file->map()), "packed weights");
}

TEST(HeldFile, TheSharedLockKeepsWritersOutAndReadersNot) {
  const TestFolder folder;
  const std::string path = folder.write("weights", "x");
  auto file = HeldFile::open(path);
  ASSERT_TRUE(file.ok() && file->lock_shared().ok());
  auto reader = HeldFile::open(path);
  EXPECT_TRUE(reader->lock_shared().ok());
  const int writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_NE(::flock(writer, LOCK_EX | LOCK_NB), 0);
  { const HeldFile one = std::move(*file), two = std::move(*reader); }
  EXPECT_EQ(::flock(writer, LOCK_EX | LOCK_NB), 0) << "the locks go with their files";
  EXPECT_EQ(HeldFile::open(path)->lock_shared().code(), StatusCode::Busy);
  ::close(writer);
}

TEST(HeldFile, OnlyRegularFilesThatExist) {
  const TestFolder folder;
  EXPECT_EQ(HeldFile::open(folder.path("none")).status().code(), StatusCode::NotFound);
  EXPECT_EQ(HeldFile::open(folder.path()).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(HeldFile::open("/dev/null").status().code(), StatusCode::InvalidArgument);
}

}  // namespace
}  // namespace etb
