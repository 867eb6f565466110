// Stalls as kernels write them, and where they are looked for.
#include "platform/memory_pressure.h"

#include "platform/test_folder.h"

namespace etb {
namespace {

constexpr uint64_t kMachine = uint64_t{16} << 30;
constexpr const char* kCalm =
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

TEST(MemoryStall, ReadsBothLines) {
  const auto stall = parse_stall(
      "some avg10=12.34 avg60=5.60 avg300=0.10 total=123456\n"
      "full avg10=1.05 avg60=100.00 avg300=0.00 total=18446744073709551615\n");
  ASSERT_TRUE(stall.has_value());
  EXPECT_NEAR(stall->some.avg10, 12.34, 1e-9);
  EXPECT_NEAR(stall->some.avg60, 5.6, 1e-9);
  EXPECT_EQ(stall->some.total_us, 123456U);
  EXPECT_NEAR(stall->full.avg10, 1.05, 1e-9);
  EXPECT_NEAR(stall->full.avg60, 100.0, 1e-9);
  EXPECT_EQ(stall->full.total_us, UINT64_MAX);
}

TEST(MemoryStall, TheFullLineMayBeMissing) {
  const auto stall = parse_stall("some avg10=3.00 avg60=2.00 avg300=1.00 total=9\n");
  ASSERT_TRUE(stall.has_value());
  EXPECT_EQ(stall->some.avg10, 3.0);
  EXPECT_EQ(stall->full.avg10, 0.0);
  EXPECT_EQ(stall->full.total_us, 0U);
}

TEST(MemoryStall, OddTextIsNoStall) {
  for (const char* text :
       {"", "some", "some\n", "full avg10=1.00", "something avg10=1.00 total=1"}) {
    EXPECT_FALSE(parse_stall(text).has_value()) << text;
  }
  const auto stall = parse_stall("some avg10=900.00 avg60=x avg300= total=-5\n");
  ASSERT_TRUE(stall.has_value());
  EXPECT_EQ(stall->some.avg10, 0.0);
  EXPECT_EQ(stall->some.avg60, 0.0);
  EXPECT_EQ(stall->some.total_us, 0U);
}

TEST(MemoryPressure, AKernelWithoutAnyOfItSaysNothing) {
  const TestFolder root;
  const MemoryPressure pressure = memory_pressure(root.path(), kMachine);
  EXPECT_FALSE(pressure.machine.has_value());
  EXPECT_FALSE(pressure.group.has_value());
  EXPECT_FALSE(pressure.cgroup.has_value());
}

TEST(MemoryPressure, MachineAndGroupAreApart) {
  const TestFolder root;
  root.write("proc/pressure/memory", kCalm);
  root.write("proc/self/cgroup", "0::/app.slice/app.scope\n");
  root.write("sys/fs/cgroup/app.slice/app.scope/memory.pressure",
             "some avg10=40.00 avg60=10.00 avg300=2.00 total=77\n"
             "full avg10=20.00 avg60=5.00 avg300=1.00 total=33\n");
  root.write("sys/fs/cgroup/app.slice/memory.max", "1073741824\n");
  const MemoryPressure pressure = memory_pressure(root.path(), kMachine);
  ASSERT_TRUE(pressure.machine && pressure.group && pressure.cgroup);
  EXPECT_EQ(pressure.machine->some.avg10, 0.0);
  EXPECT_EQ(pressure.group->some.avg10, 40.0);
  EXPECT_EQ(pressure.group->full.total_us, 33U);
  EXPECT_EQ(pressure.cgroup->group, "/app.slice");
}

TEST(MemoryPressure, OfThisMachineMakesSense) {
  const MemoryPressure pressure = memory_pressure("", kMachine);
  for (const auto& stall : {pressure.machine, pressure.group}) {
    if (!stall) continue;
    EXPECT_GE(stall->some.avg10, 0.0);
    EXPECT_LE(stall->some.avg10, 100.0);
    EXPECT_LE(stall->full.total_us, stall->some.total_us);
  }
  if (pressure.cgroup) {
    EXPECT_LE(pressure.cgroup->held_bytes(), pressure.cgroup->used_bytes);
    EXPECT_LE(pressure.cgroup->room_bytes(), pressure.cgroup->bound_bytes());
  }
}

}  // namespace
}  // namespace etb
