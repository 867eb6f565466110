// Whole or not at all: whatever goes wrong on the way, the target is as it was and nothing is left.
#include "platform/atomic_file.h"

#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <optional>
#include <thread>
#include <vector>

#include "base/text.h"
#include "platform/files.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

std::vector<uint8_t> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

TEST(AtomicFile, AppearsOnlyAtCommit) {
  TestFolder folder;
  auto file = AtomicFile::create(folder.path("out.pte"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  ASSERT_TRUE(file->write("hello ").ok());
  ASSERT_TRUE(file->write("world").ok());
  EXPECT_EQ(file->size(), 11U);
  EXPECT_FALSE(file_identity(folder.path("out.pte")).ok());
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(folder.read("out.pte"), "hello world");
  EXPECT_EQ(folder.count(), 1U);
}

TEST(AtomicFile, WithoutCommitNothingIsLeftAndTheOldFileStays) {
  TestFolder folder;
  folder.write("out.pte", "old");
  {
    auto file = AtomicFile::create(folder.path("out.pte"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("new").ok());
    EXPECT_EQ(folder.count(), 2U);
    EXPECT_TRUE(is_temporary_name(list_files(folder.path())->front().name));
  }
  EXPECT_EQ(folder.read("out.pte"), "old");
  EXPECT_EQ(folder.count(), 1U);
}

TEST(AtomicFile, OfItsOwnerAloneIfAskedTo) {
  const TestFolder folder;
  const std::string path = folder.path("private");
  auto file = AtomicFile::create(path, {}, FileReaders::Owner);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("secret").ok());
  ASSERT_TRUE(file->commit().ok());
  const auto permissions = std::filesystem::status(path).permissions();
  using std::filesystem::perms;
  EXPECT_EQ(permissions & (perms::group_all | perms::others_all), perms::none);
}

TEST(AtomicFile, ReplacesAnOldFileWhole) {
  TestFolder folder;
  folder.write("out.pte", "something longer");
  auto file = AtomicFile::create(folder.path("out.pte"));
  ASSERT_TRUE(file.ok() && file->write("new").ok() && file->commit().ok());
  EXPECT_EQ(folder.read("out.pte"), "new");
}

TEST(AtomicFile, WritesAtAnOffsetWithoutMovingTheEnd) {
  TestFolder folder;
  auto file = AtomicFile::create(folder.path("out"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("head....").ok());
  ASSERT_TRUE(file->write_at(4, bytes_of("1234")).ok());
  EXPECT_EQ(file->size(), 8U);
  ASSERT_TRUE(file->write("tail").ok());
  ASSERT_TRUE(file->write_at(14, bytes_of("!")).ok());
  EXPECT_EQ(file->size(), 15U);
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(folder.read("out"), std::string("head1234tail\0\0!", 15));
}

TEST(AtomicFile, RefusesOffsetsNoFileCanHave) {
  TestFolder folder;
  auto file = AtomicFile::create(folder.path("out"));
  ASSERT_TRUE(file.ok());
  for (uint64_t offset : {~uint64_t{0}, uint64_t{1} << 63, (uint64_t{1} << 63) - 1}) {
    EXPECT_FALSE(file->write_at(offset, bytes_of("x")).ok()) << offset;
  }
  EXPECT_EQ(file->size(), 0U);
}

TEST(AtomicFile, AfterCommitItIsDone) {
  TestFolder folder;
  auto file = AtomicFile::create(folder.path("out"));
  ASSERT_TRUE(file.ok() && file->write("x").ok() && file->commit().ok());
  EXPECT_EQ(file->write("y").code(), StatusCode::InvalidArgument);
  EXPECT_EQ(file->commit().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(folder.read("out"), "x");
}

TEST(AtomicFile, AnUnsyncedCommitAsksTheDiskForNothing) {
  TestFolder folder;
  DiskFaults faults;
  faults.before_sync = [] { return -int64_t{EIO}; };
  auto file = AtomicFile::create(folder.path("out"), faults);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("quick").ok());
  EXPECT_EQ(file->commit().code(), StatusCode::Internal);
  ASSERT_TRUE(file->commit_unsynced().ok());
  EXPECT_EQ(folder.read("out"), "quick");
  EXPECT_EQ(folder.count(), 1U);
  EXPECT_EQ(file->commit_unsynced().code(), StatusCode::InvalidArgument);
}

TEST(AtomicFile, AMovedFileIsRemovedOnce) {
  TestFolder folder;
  {
    auto file = AtomicFile::create(folder.path("out"));
    ASSERT_TRUE(file.ok());
    AtomicFile moved = std::move(*file);
    ASSERT_TRUE(moved.write("x").ok());
    EXPECT_EQ(folder.count(), 1U);
  }
  EXPECT_EQ(folder.count(), 0U);
}

TEST(AtomicFile, NamesATargetThatCannotBeWritten) {
  TestFolder folder;
  folder.write("file", "x");
  const std::pair<std::string, StatusCode> cases[] = {
      {folder.path("no/such/folder.pte"), StatusCode::NotFound},
      {folder.path("file/below.pte"), StatusCode::NotFound},
      {folder.path(), StatusCode::InvalidArgument},
      {folder.path() + "/", StatusCode::InvalidArgument},
      {"", StatusCode::InvalidArgument},
  };
  for (const auto& [path, code] : cases) {
    const Status status = AtomicFile::create(path).status();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_NE(status.message().find(concat("'", path, "'")), std::string_view::npos);
  }
}

TEST(AtomicFile, ContinuesShortWrites) {
  TestFolder folder;
  int writes = 0;
  DiskFaults faults;
  faults.before_write = [&writes](size_t) {
    ++writes;
    return int64_t{3};
  };
  auto file = AtomicFile::create(folder.path("out"), faults);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("0123456789").ok());
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(writes, 4);
  EXPECT_EQ(folder.read("out"), "0123456789");
}

// A disk that fills up at the n-th write, at a sync, or that takes nothing any more.
TEST(AtomicFile, AFullDiskIsNamedAndLeavesNothing) {
  for (int failing = 0; failing <= 5; ++failing) {
    TestFolder folder;
    folder.write("out", "old");
    int step = 0;
    DiskFaults faults;
    faults.before_write = [&](size_t bytes) {
      return step++ == failing ? int64_t{-ENOSPC} : static_cast<int64_t>(bytes);
    };
    faults.before_sync = [&] { return step++ == failing ? int64_t{-ENOSPC} : int64_t{0}; };
    Status status;
    {
      auto file = AtomicFile::create(folder.path("out"), faults);
      ASSERT_TRUE(file.ok());
      for (int i = 0; i < 4 && status.ok(); ++i) status = file->write("block");
      if (status.ok()) status = file->commit();
    }
    EXPECT_EQ(status.ok(), failing == 5);  // four writes and one sync
    EXPECT_EQ(folder.count(), 1U);
    if (status.ok()) continue;
    EXPECT_NE(status.message().find("the disk is full"), std::string_view::npos);
    EXPECT_NE(status.message().find(folder.path("out")), std::string_view::npos);
    EXPECT_EQ(folder.read("out"), "old");
  }
}

// A large file's last sync would be long, and nothing could cancel it.
TEST(AtomicFile, SyncsOnTheWayIfAskedTo) {
  const TestFolder folder;
  int syncs = 0;
  DiskFaults faults;
  faults.before_sync = [&] { return int64_t{++syncs} * 0; };
  auto file = AtomicFile::create(folder.path("out"), faults);
  ASSERT_TRUE(file.ok());
  file->sync_every(10);
  ASSERT_TRUE(file->write("123456789").ok());
  EXPECT_EQ(syncs, 0);
  ASSERT_TRUE(file->write_at(3, bytes_of("x")).ok());
  EXPECT_EQ(syncs, 1) << "what is written over counts too";
  ASSERT_TRUE(file->write("0123456789 longer than a step, at once").ok());
  EXPECT_EQ(syncs, 2);
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(syncs, 3);
  EXPECT_EQ(folder.read("out"), "123x567890123456789 longer than a step, at once");
}

TEST(AtomicFile, ADiskErrorOnTheWayComesWithTheWrite) {
  const TestFolder folder;
  folder.write("out", "old");
  {
    int asked = 0;
    DiskFaults faults;
    faults.before_sync = [&] { return ++asked == 3 ? -int64_t{EIO} : int64_t{0}; };
    auto file = AtomicFile::create(folder.path("out"), faults);
    ASSERT_TRUE(file.ok());
    file->sync_every(4);
    ASSERT_TRUE(file->write("first").ok() && file->write("second").ok());
    const Status status = file->write("third");
    EXPECT_EQ(status.code(), StatusCode::Internal) << status.to_string();
    EXPECT_NE(status.message().find(folder.path("out")), std::string_view::npos);
  }
  EXPECT_EQ(folder.read("out"), "old");
  EXPECT_EQ(folder.count(), 1U);
}

TEST(AtomicFile, ADiskThatTakesNothingIsNotRetriedForEver) {
  TestFolder folder;
  DiskFaults faults;
  faults.before_write = [](size_t) { return int64_t{0}; };
  auto file = AtomicFile::create(folder.path("out"), faults);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->write("x").code(), StatusCode::Internal);
}

// The real system call fails too: the largest file the process may write is 4 KiB.
TEST(AtomicFile, TheSystemsOwnLimitIsATypedError) {
  TestFolder folder;
  auto file = AtomicFile::create(folder.path("out"));
  ASSERT_TRUE(file.ok());
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 4096, old.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = file->write(std::string(10000, 'x'));
  EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(status.code(), StatusCode::Internal);
  EXPECT_NE(status.message().find("ulimit -f"), std::string_view::npos) << status.to_string();
}

TEST(AtomicFile, TwoWritersOfOneTargetDoNotMeet) {
  TestFolder folder;
  auto write = [&folder](char letter) {
    auto file = AtomicFile::create(folder.path("out"));
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(file->write(std::string(100, letter)).ok());
    EXPECT_TRUE(file->commit().ok());
  };
  std::thread a(write, 'a');
  std::thread b(write, 'b');
  a.join();
  b.join();
  const std::string text = folder.read("out");
  EXPECT_TRUE(text == std::string(10000, 'a') || text == std::string(10000, 'b'));
  EXPECT_EQ(folder.count(), 1U);
}

TEST(AtomicFile, KnowsTheNamesItGives) {
  EXPECT_TRUE(is_temporary_name(".etb-model.pte-123-0.part"));
  EXPECT_FALSE(is_temporary_name("model.pte"));
  EXPECT_FALSE(is_temporary_name(".etb-notes"));
  TestFolder folder;  // a long name still fits the system's 255 bytes
  auto file = AtomicFile::create(folder.path(std::string(250, 'n')));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_TRUE(file->commit().ok());
}

}  // namespace
}  // namespace etb
