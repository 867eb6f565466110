// Figures of this process, checked against what it does; figures of other machines, recorded.
#include "platform/memory_info.h"

#include <cstring>
#include <thread>

#include "platform/anonymous_memory.h"
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

TEST_F(RecordedMachine, V2TakesTheTightestOnTheWayToTheRoot) {
  root_.write("proc/self/cgroup", "0::/user.slice/app.scope\n");
  root_.write("sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n");
  root_.write("sys/fs/cgroup/user.slice/memory.max", "2147483648\n");
  root_.write("sys/fs/cgroup/user.slice/memory.current", "1000000\n");
  root_.write("sys/fs/cgroup/memory.max", "4294967296\n");
  EXPECT_EQ(memory().limit_bytes, 2048 * kMiB);
  EXPECT_EQ(memory().limit_used_bytes, 1000000U);
}

TEST_F(RecordedMachine, V2InAContainerSeesItsOwnRoot) {
  root_.write("proc/self/cgroup", "0::/\n");
  root_.write("sys/fs/cgroup/memory.max", "536870912\n");
  EXPECT_EQ(memory().limit_bytes, 512 * kMiB);
  EXPECT_FALSE(memory().limit_used_bytes.has_value());
}

TEST_F(RecordedMachine, V1FindsItsHierarchyAndItsWordForUnlimited) {
  root_.write("proc/self/cgroup",
              "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n1:name=systemd:/\n0::/\n");
  root_.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
  root_.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(memory().limit_bytes.has_value());
  root_.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1073741824\n");
  root_.write("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "5\n");
  EXPECT_EQ(memory().limit_bytes, 1024 * kMiB);
  EXPECT_EQ(memory().limit_used_bytes, 5U);
}

TEST_F(RecordedMachine, V1InsideAContainerHasItsLimitAtTheMount) {
  root_.write("proc/self/cgroup", "4:memory:/docker/abc\n");  // no such folder in here
  root_.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
  EXPECT_EQ(memory().limit_bytes, 1024 * kMiB);
}

TEST_F(RecordedMachine, OddFilesAreNoLimit) {
  for (const char* groups : {"", "no colons", "0:", "0::", ":::::", "0::relative"}) {
    root_.write("proc/self/cgroup", groups);
    root_.write("sys/fs/cgroup/memory.max", "99999999999999999999999\n");
    EXPECT_FALSE(memory().limit_bytes.has_value()) << groups;
  }
  root_.write("proc/meminfo", "");
  EXPECT_EQ(machine_memory(root_.path()).status().code(), StatusCode::Unsupported);
}

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
