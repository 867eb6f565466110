// Figures of this process, checked against what it does; figures of other machines, recorded.
#include "platform/memory_info.h"

#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "platform/anonymous_memory.h"
#include "platform/free_memory.h"
#include "platform/proc_text.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

TEST(ProcText, FindsAFieldByItsWholeName) {
  const std::string_view text = "MemTotalX: 1 kB\nMemTotal:\t  16 kB\nModel name : A B\nEmpty:\n";
  EXPECT_EQ(proc_field(text, "MemTotal"), "16 kB");
  EXPECT_EQ(proc_field(text, "Model name"), "A B");
  EXPECT_EQ(proc_field(text, "Empty"), "");
  EXPECT_EQ(proc_field(text, "None"), "");
  EXPECT_EQ(proc_kilobytes(text, "MemTotal"), 16384U);
  EXPECT_EQ(proc_kilobytes(text, "None"), std::nullopt);
}

TEST(ProcText, NumbersThatDoNotFitAreNone) {
  EXPECT_EQ(leading_number("  42 kB"), 42U);
  EXPECT_EQ(leading_number("18446744073709551615"), ~uint64_t{0});
  for (const char* bad : {"18446744073709551616", "-1", "max", "", "   "}) {
    EXPECT_EQ(leading_number(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(proc_kilobytes("A: 18446744073709551615 kB", "A"), std::nullopt);
}

TEST(ProcessMemory, DirtyPagesCountAsAnonymous) {
  const auto before = process_memory();
  ASSERT_TRUE(before.ok()) << before.status().to_string();
  auto memory = AnonymousMemory::reserve(64 * kMiB);
  ASSERT_TRUE(memory.ok());
  EXPECT_LT(process_memory()->anonymous_bytes, before->anonymous_bytes + 16 * kMiB);
  std::memset(memory->data(), 1, memory->size());
  const auto after = process_memory();
  ASSERT_TRUE(after.ok());
  EXPECT_GE(after->anonymous_bytes, before->anonymous_bytes + 60 * kMiB);
  EXPECT_GE(after->footprint_bytes, after->anonymous_bytes);
  EXPECT_GE(after->rss_bytes, after->anonymous_bytes);
  EXPECT_GE(after->peak_rss_bytes, after->rss_bytes);
}

TEST(ProcessMemory, ReadsARecordedProcess) {
  TestFolder root;
  root.write("proc/self/status",
             "Name:\trun\nVmHWM:\t  9000 kB\nVmRSS:\t  8000 kB\nRssAnon:\t  3000 kB\n"
             "RssFile:\t  4900 kB\nRssShmem:\t 100 kB\nVmSwap:\t  500 kB\n");
  root.write("proc/self/stat", "7 (a) b) R 1 7 7 0 -1 4194304 1234 0 56 0 1 2 3 4\n");
  const auto memory = process_memory_under(root.path());
  ASSERT_TRUE(memory.ok()) << memory.status().to_string();
  EXPECT_EQ(memory->rss_bytes, 8000U * 1024);
  EXPECT_EQ(memory->peak_rss_bytes, 9000U * 1024);
  EXPECT_EQ(memory->anonymous_bytes, 3000U * 1024);
  EXPECT_EQ(memory->file_bytes, 4900U * 1024);
  EXPECT_EQ(memory->footprint_bytes, 3500U * 1024);
  EXPECT_EQ(memory->minor_faults, 1234U);
  EXPECT_EQ(memory->major_faults, 56U);
}

TEST(ProcessMemory, SaysWhatIsMissing) {
  TestFolder root;
  EXPECT_EQ(process_memory_under(root.path()).status().code(), StatusCode::NotFound);
  root.write("proc/self/status", "Name:\trun\n");
  root.write("proc/self/stat", "cut short");
  EXPECT_EQ(process_memory_under(root.path()).status().code(), StatusCode::Unsupported);
}

TEST(MachineMemory, OfThisMachineMakesSense) {
  const auto memory = machine_memory();
  ASSERT_TRUE(memory.ok()) << memory.status().to_string();
  EXPECT_GT(memory->total_bytes, 64 * kMiB);
  EXPECT_GT(memory->available_bytes, 0U);
  EXPECT_LE(memory->available_bytes, memory->total_bytes);
  if (memory->limit_bytes) {
    EXPECT_LT(*memory->limit_bytes, memory->total_bytes);
  }
}

// 16 GiB, 8 GiB available, and a tree of control groups.
class RecordedMachine : public ::testing::Test {
 protected:
  RecordedMachine() {
    root_.write("proc/meminfo",
                "MemTotal:       16777216 kB\nMemFree:  1048576 kB\nMemAvailable: 8388608 kB\n");
  }
  MachineMemory memory() {
    auto memory = machine_memory(root_.path());
    EXPECT_TRUE(memory.ok()) << memory.status().to_string();
    return *memory;
  }
  TestFolder root_;
};

TEST_F(RecordedMachine, WithoutControlGroupsHasNoLimit) {
  EXPECT_EQ(memory().total_bytes, 16384 * kMiB);
  EXPECT_EQ(memory().available_bytes, 8192 * kMiB);
  EXPECT_FALSE(memory().limit_bytes.has_value());
}

TEST_F(RecordedMachine, OldKernelFallsBackToFreeMemory) {
  root_.write("proc/meminfo", "MemTotal: 16777216 kB\nMemFree:  1048576 kB\n");
  EXPECT_EQ(memory().available_bytes, 1024 * kMiB);
}

// How groups are read is told by cgroup_test.cpp.
TEST_F(RecordedMachine, TakesLimitAndUseOfTheTightestGroup) {
  root_.write("proc/self/cgroup", "0::/user.slice/app.scope\n");
  root_.write("sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n");
  root_.write("sys/fs/cgroup/user.slice/memory.max", "2147483648\n");
  root_.write("sys/fs/cgroup/user.slice/memory.current", "1000000\n");
  root_.write("sys/fs/cgroup/user.slice/memory.stat", "active_file 300000\n");
  root_.write("sys/fs/cgroup/memory.max", "4294967296\n");
  EXPECT_EQ(memory().limit_bytes, 2048 * kMiB);
  EXPECT_EQ(memory().limit_used_bytes, 700000U);
}

TEST_F(RecordedMachine, ALimitBeyondTheMachineIsNone) {
  root_.write("proc/self/cgroup", "0::/\n");
  root_.write("sys/fs/cgroup/memory.max", std::to_string(16384 * kMiB) + "\n");
  EXPECT_FALSE(memory().limit_bytes.has_value());
  EXPECT_FALSE(memory().limit_used_bytes.has_value());
}

TEST_F(RecordedMachine, WithoutATotalIsRefused) {
  root_.write("proc/meminfo", "");
  EXPECT_EQ(machine_memory(root_.path()).status().code(), StatusCode::Unsupported);
}

TEST(SharedMemory, ReadsARecordedProcess) {
  TestFolder root;
  root.write("proc/self/smaps_rollup",
             "560a27cf3000-7fffe2000000 ---p 00000000 00:00 0     [rollup]\n"
             "Rss:    1608 kB\nPss:     250 kB\nPss_Dirty:  108 kB\nShared_Clean:  1460 kB\n"
             "Shared_Dirty: 4 kB\nPrivate_Clean: 40 kB\nPrivate_Dirty: 108 kB\nSwapPss: 3 kB\n");
  const auto memory = shared_memory(root.path());
  ASSERT_TRUE(memory.ok()) << memory.status().to_string();
  EXPECT_EQ(memory->pss_bytes, 250U * 1024);
  EXPECT_EQ(memory->private_clean_bytes, 40U * 1024);
  EXPECT_EQ(memory->private_dirty_bytes, 108U * 1024);
  EXPECT_EQ(memory->shared_bytes, 1464U * 1024);
  EXPECT_EQ(memory->swap_pss_bytes, 3U * 1024);
}

TEST(SharedMemory, SaysWhatIsMissing) {
  TestFolder root;
  EXPECT_EQ(shared_memory(root.path()).status().code(), StatusCode::NotFound);
  root.write("proc/self/smaps_rollup", "Rss: 1 kB\n");
  EXPECT_EQ(shared_memory(root.path()).status().code(), StatusCode::Unsupported);
}

#ifndef ETB_EMULATED  // an emulator answers for itself, not for the program in it
TEST(SharedMemory, OfThisProcessLiesBelowItsResidentPages) {
  const auto shared = shared_memory();
  const auto process = process_memory();
  ASSERT_TRUE(shared.ok() && process.ok());
  EXPECT_GT(shared->pss_bytes, 0U);
  EXPECT_LE(shared->pss_bytes, process->rss_bytes + kMiB);
}
#endif

TEST(FootprintSampler, FollowsDirtyPagesUpAndDown) {
  auto opened = FootprintSampler::open();
  ASSERT_TRUE(opened.ok()) << opened.status().to_string();
  const FootprintSampler sampler = std::move(opened).value();
  const uint64_t before = sampler.sample();
  EXPECT_GT(before, 0U);
  auto memory = AnonymousMemory::reserve(64 * kMiB);
  ASSERT_TRUE(memory.ok());
  std::memset(memory->data(), 1, memory->size());
  EXPECT_GE(sampler.sample(), before + 60 * kMiB);
  ASSERT_TRUE(memory->discard(0, memory->size()).ok());
  EXPECT_LT(sampler.sample(), before + 16 * kMiB);
}

TEST(FootprintSampler, CountsPagesThatAreOfNoFile) {
  TestFolder root;
  EXPECT_EQ(FootprintSampler::open(root.path()).status().code(), StatusCode::NotFound);
  root.write("proc/self/statm", "90000 500 200 30 0 600 0\n");
  const auto sampler = FootprintSampler::open(root.path());
  ASSERT_TRUE(sampler.ok());
  EXPECT_EQ(sampler->sample(), 300 * page_size());
  for (const char* odd : {"", "5", "a b c", "1 2", "1 5 9 2\n"}) {
    root.write("proc/self/statm", odd);
    EXPECT_EQ(sampler->sample(), 0U) << odd;
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their heap is another
TEST(FreeMemory, GivesBackWhatTheHeapKeeps) {
  const auto sampler = FootprintSampler::open();
  ASSERT_TRUE(sampler.ok());
  constexpr size_t kPieces = 1024;
  std::vector<std::unique_ptr<char[]>> pieces(kPieces);
  for (auto& piece : pieces) {  // 64 KiB each: below what the heap maps apart
    piece = std::make_unique<char[]>(64 * 1024);
    std::memset(piece.get(), 1, 64 * 1024);
  }
  // The last one holds the heap's end where it is.
  for (size_t i = 0; i + 1 < kPieces; ++i) pieces[i].reset();
  const uint64_t kept = sampler->sample();
  give_back_free_memory();
  EXPECT_LT(sampler->sample() + 48 * kMiB, kept);
  EXPECT_EQ(pieces.back()[0], 1);
}
#endif

TEST(AnonymousPeakSampler, SeesAPeakThatIsGoneAgain) {
  AnonymousPeakSampler sampler(1);
  const uint64_t before = sampler.peak_bytes();
  EXPECT_GT(before, 0U);
  {
    auto memory = AnonymousMemory::reserve(64 * kMiB);
    ASSERT_TRUE(memory.ok());
    std::memset(memory->data(), 1, memory->size());
    // The peak is what the sampler's own thread saw by now, however busy the machine is.
    for (int i = 0; i < 2000 && sampler.peak_bytes() < before + 60 * kMiB; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  EXPECT_GE(sampler.peak_bytes(), before + 60 * kMiB);
}

}  // namespace
}  // namespace etb
