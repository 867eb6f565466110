// A mapping shows the file's bytes in place; every way of not being a model file is named.
#include "platform/mapped_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "platform/anonymous_memory.h"
#include "platform/memory_info.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

std::string text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads every page and returns their sum, so that no compiler drops the reads.
unsigned touch(std::span<const uint8_t> bytes) {
  unsigned sum = 0;
  for (size_t at = 0; at < bytes.size(); at += page_size()) sum += bytes[at];
  return sum;
}

TEST(MappedFile, ShowsTheBytesAndWhoTheFileIs) {
  TestFolder folder;
  const std::string path = folder.write("model.pte", "hello");
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ(text_of((*file)->bytes()), "hello");
  EXPECT_EQ((*file)->path(), path);
  EXPECT_EQ((*file)->identity(), *file_identity(path));
  EXPECT_EQ((*file)->identity().size, 5U);
}

TEST(MappedFile, OutlivesTheNameOfTheFile) {
  TestFolder folder;
  const std::string path = folder.write("model.pte", "hello");
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(remove_file(path).ok());
  EXPECT_EQ(text_of((*file)->bytes()), "hello");
}

struct BadPath {
  const char* name;
  StatusCode code;
  const char* says;
};

TEST(MappedFile, NamesPathAndRemedyOfWhatCannotBeMapped) {
  TestFolder folder;
  folder.write("empty", "");
  folder.write("file", "x");
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  const BadPath cases[] = {
      {"missing", StatusCode::NotFound, "check the path"},
      {"file/below", StatusCode::NotFound, "no folder"},
      {"empty", StatusCode::Corrupt, "is empty"},
      {".", StatusCode::InvalidArgument, "name a file"},
      {"pipe", StatusCode::InvalidArgument, "no regular file"},
  };
  for (const BadPath& bad : cases) {
    const std::string path = folder.path(bad.name);
    const Status status = MappedFile::open(path).status();
    EXPECT_EQ(status.code(), bad.code) << path;
    EXPECT_NE(status.message().find(path), std::string_view::npos) << status.to_string();
    EXPECT_NE(status.message().find(bad.says), std::string_view::npos) << status.to_string();
  }
}

TEST(MappedFile, NamesAFileThatMayNotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  TestFolder folder;
  const std::string path = folder.write("secret", "x");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const Status status = MappedFile::open(path).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
  EXPECT_NE(status.message().find("permission"), std::string_view::npos);
}

TEST(MappedFile, MapsAPartOfADescriptorAtAnyOffset) {
  TestFolder folder;
  std::string text(3 * page_size(), '.');
  const size_t offset = page_size() + 7;
  text.replace(offset, 5, "asset");
  const int fd = ::open(folder.write("app.apk", text).c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  const auto file = MappedFile::open_fd(fd, offset, 5, "asset model.pte");
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  ::close(fd);  // the mapping does not need it
  EXPECT_EQ(text_of((*file)->bytes()), "asset");
  EXPECT_EQ((*file)->path(), "asset model.pte");
}

TEST(MappedFile, RefusesAPartBeyondTheFile) {
  TestFolder folder;
  const int fd = ::open(folder.write("app.apk", "0123456789").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  EXPECT_TRUE(MappedFile::open_fd(fd, 4, 6, "part").ok());
  constexpr uint64_t kHuge = ~uint64_t{0};
  const std::pair<uint64_t, uint64_t> beyond[] = {{4, 7},     {10, 1},    {11, 1},
                                                  {kHuge, 1}, {1, kHuge}, {kHuge, kHuge}};
  for (const auto& [offset, length] : beyond) {
    EXPECT_EQ(MappedFile::open_fd(fd, offset, length, "part").status().code(),
              StatusCode::InvalidArgument)
        << offset << "+" << length;
  }
  EXPECT_EQ(MappedFile::open_fd(fd, 4, 0, "part").status().code(), StatusCode::Corrupt);
  ::close(fd);
  EXPECT_FALSE(MappedFile::open_fd(-1, 0, 1, "part").ok());
}

TEST(MappedFile, GivesPagesBackAndReadsThemAgain) {
  TestFolder folder;
  constexpr size_t kBytes = size_t{32} << 20;
  const auto file = MappedFile::open(folder.write("weights", std::string(kBytes, '\1')));
  ASSERT_TRUE(file.ok());
  const std::span<const uint8_t> bytes = (*file)->bytes();
  const unsigned sum = touch(bytes);
  EXPECT_EQ(sum, kBytes / page_size());
  const uint64_t before = process_memory()->file_bytes;
  (*file)->advise_dont_need(0, kBytes);
  const uint64_t after = process_memory()->file_bytes;
  EXPECT_GE(before, after + kBytes / 4 * 3);
  (*file)->advise_will_need(0, kBytes);
  EXPECT_EQ(touch(bytes), sum);
}

TEST(MappedFile, CountsResidentPagesOfARange) {
  TestFolder folder;
  const auto file = MappedFile::open(folder.write("weights", std::string(64 * page_size(), 'w')));
  ASSERT_TRUE(file.ok());
  EXPECT_GT(touch((*file)->bytes()), 0U);
  EXPECT_EQ(*(*file)->resident_bytes(0, 64 * page_size()), 64 * page_size());
  EXPECT_EQ(*(*file)->resident_bytes(page_size() + 1, 1), page_size());
  EXPECT_EQ(*(*file)->resident_bytes(5, 0), 0U);
  EXPECT_EQ(*(*file)->resident_bytes(1000 * page_size(), 5), 0U);  // beyond: cut
}

}  // namespace
}  // namespace etb
