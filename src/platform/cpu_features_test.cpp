// Features against what the system itself lists; topologies of recorded machines.
#include "platform/cpu_features.h"

#include <string>

#include "base/text.h"
#include "platform/files.h"
#include "platform/proc_text.h"
#include "platform/test_folder.h"

namespace etb {
namespace {

TEST(CpuFeatures, AreAskedForOnce) {
  EXPECT_EQ(&cpu_features(), &cpu_features());
}

TEST(CpuFeatures, DescriptionListsWhatIsThere) {
  CpuFeatures features;
  EXPECT_NE(describe(features).find(": none"), std::string::npos);
  features.avx2 = true;
  features.dotprod = true;
  const std::string text = describe(features);
  EXPECT_NE(text.find(": avx2 dotprod"), std::string::npos) << text;
}

#if defined(__x86_64__)
// The kernel lists a flag only if it saves the registers, as we do.
TEST(CpuFeatures, AgreeWithTheKernel) {
  const auto info = read_text_file("/proc/cpuinfo", size_t{4} << 20);
  ASSERT_TRUE(info.ok());
  const std::string flags = concat(" ", proc_field(*info, "flags"), " ");
  const auto has = [&flags](const std::string& flag) {
    return flags.find(concat(" ", flag, " ")) != std::string::npos;
  };
  const CpuFeatures& features = cpu_features();
  EXPECT_EQ(features.avx2, has("avx2"));
  EXPECT_EQ(features.fma, has("fma"));
  EXPECT_EQ(features.f16c, has("f16c"));
  EXPECT_EQ(features.avx512f, has("avx512f"));
  EXPECT_EQ(features.avx512bw, has("avx512bw"));
  EXPECT_EQ(features.avx512vl, has("avx512vl"));
  EXPECT_EQ(features.avx512dq, has("avx512dq"));
  EXPECT_EQ(features.avx512vnni, has("avx512_vnni"));
  EXPECT_EQ(features.avxvnni, has("avx_vnni"));
  EXPECT_FALSE(features.neon);
}
#elif defined(__aarch64__)
TEST(CpuFeatures, EveryArm64HasNeon) {
  EXPECT_TRUE(cpu_features().neon);
  EXPECT_FALSE(cpu_features().avx2);
  EXPECT_EQ(describe(cpu_features()).rfind("aarch64: neon", 0), 0U);
}
#endif

TEST(CpuTopology, OfThisMachineMakesSense) {
  const CpuTopology topology = cpu_topology();
  EXPECT_GE(topology.logical_cores, 1);
  EXPECT_GE(topology.performance_cores, 1);
  EXPECT_LE(topology.performance_cores, topology.logical_cores);
  EXPECT_FALSE(topology.model.empty());
}

TEST(CpuTopology, PhoneWithBigMiddleAndLittleCores) {
  TestFolder root;
  root.write("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n");
  root.write("sys/devices/system/cpu/online", "0-7\n");
  const int capacity[] = {250, 250, 250, 250, 800, 800, 800, 1024};
  for (int cpu = 0; cpu < 8; ++cpu) {
    root.write(concat("sys/devices/system/cpu/cpu", cpu, "/cpu_capacity"),
               concat(capacity[cpu], "\n"));
  }
  const CpuTopology topology = cpu_topology(root.path());
  EXPECT_EQ(topology.logical_cores, 8);
  EXPECT_EQ(topology.performance_cores, 4);
  EXPECT_EQ(topology.model, "ARM implementer 0x41 part 0xd05");
}

TEST(CpuTopology, ClocksStandInForCapacities) {
  TestFolder root;
  root.write("proc/cpuinfo", "model name\t: Hybrid CPU\n");
  root.write("sys/devices/system/cpu/online", "0,2-3");
  for (int cpu : {0, 2, 3}) {
    root.write(concat("sys/devices/system/cpu/cpu", cpu, "/cpufreq/cpuinfo_max_freq"),
               cpu == 3 ? "2000000" : "5000000");
  }
  const CpuTopology topology = cpu_topology(root.path());
  EXPECT_EQ(topology.logical_cores, 3);
  EXPECT_EQ(topology.performance_cores, 2);
  EXPECT_EQ(topology.model, "Hybrid CPU");
}

TEST(CpuTopology, UnratedCoresAreAllFast) {
  TestFolder root;
  root.write("sys/devices/system/cpu/online", "0-3\n");
  EXPECT_EQ(cpu_topology(root.path()).performance_cores, 4);
  EXPECT_EQ(cpu_topology(root.path()).model, "unknown");
}

TEST(CpuTopology, ACpuQuotaCountsRoundedUp) {
  TestFolder root;
  root.write("sys/devices/system/cpu/online", "0-15\n");
  root.write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(cpu_topology(root.path()).logical_cores, 3);
  EXPECT_EQ(cpu_topology(root.path()).performance_cores, 3);
  root.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(cpu_topology(root.path()).logical_cores, 16);
  TestFolder old;
  old.write("sys/devices/system/cpu/online", "0-15\n");
  old.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  old.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpu_topology(old.path()).logical_cores, 16);
  old.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(cpu_topology(old.path()).logical_cores, 2);
}

TEST(CpuTopology, OddListsDoNoHarm) {
  for (const char* list : {"", "x", "3-1", "0-99999999999", ",,,", "-", "0-"}) {
    TestFolder root;
    root.write("sys/devices/system/cpu/online", list);
    EXPECT_GE(cpu_topology(root.path()).logical_cores, 1) << list;
  }
}

}  // namespace
}  // namespace etb
