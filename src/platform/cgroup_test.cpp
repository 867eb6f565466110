// Trees of control groups as they were found on machines, containers and phones.
#include "platform/cgroup.h"

#include "platform/test_folder.h"

namespace etb {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMachine = 16384 * kMiB;

class Cgroups : public ::testing::Test {
 protected:
  void ours(std::string_view text) { root_.write("proc/self/cgroup", text); }
  // A file of a group; amounts in MiB are written as the kernel does.
  void file(const std::string& group, const std::string& name, std::string_view text) {
    root_.write("sys/fs/cgroup/" + group + "/" + name, text);
  }
  void mib(const std::string& group, const std::string& name, uint64_t amount) {
    file(group, name, std::to_string(amount * kMiB) + "\n");
  }
  std::optional<CgroupMemory> tightest() { return tightest_cgroup(root_.path(), kMachine); }

  TestFolder root_;
};

TEST_F(Cgroups, NoGroupNoLimit) {
  EXPECT_FALSE(tightest().has_value());
  ours("0::/app\n");
  EXPECT_FALSE(tightest().has_value());
  file("app", "memory.max", "max\n");
  file("app", "memory.high", "max\n");
  EXPECT_FALSE(tightest().has_value());
}

TEST_F(Cgroups, V2ReadsEverythingOfAGroup) {
  ours("0::/app\n");
  mib("app", "memory.max", 1000);
  mib("app", "memory.high", 900);
  mib("app", "memory.current", 700);
  file("app", "memory.stat",
       "anon 104857600\nfile 524288000\nshmem 10485760\nfile_mapped 314572800\n"
       "file_dirty 10485760\nfile_writeback 5242880\ninactive_file 209715200\n"
       "active_file 314572800\nworkingset_refault_file 12\n");
  file("app", "memory.events", "low 0\nhigh 7\nmax 5\noom 2\noom_kill 1\noom_group_kill 0\n");
  const auto memory = tightest();
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->group, "/app");
  EXPECT_EQ(memory->version, 2);
  EXPECT_EQ(memory->limit_bytes, 1000 * kMiB);
  EXPECT_EQ(memory->high_bytes, 900 * kMiB);
  EXPECT_EQ(memory->used_bytes, 700 * kMiB);
  EXPECT_EQ(memory->droppable_bytes, (200 + 300 - 10 - 5) * kMiB);
  EXPECT_EQ(memory->held_bytes(), 215 * kMiB);
  EXPECT_EQ(memory->bound_bytes(), 900 * kMiB);
  EXPECT_EQ(memory->room_bytes(), 685 * kMiB);
  EXPECT_EQ(memory->events.high, 7U);
  EXPECT_EQ(memory->events.limit_hits, 5U);
  EXPECT_EQ(memory->events.ooms, 2U);
  EXPECT_EQ(memory->events.oom_kills, 1U);
}

// A mapped model that is used all the time lies in active_file: it must not look like use.
TEST_F(Cgroups, PagesOfAMappedModelAreRoom) {
  ours("0::/app\n");
  mib("app", "memory.max", 200);
  mib("app", "memory.current", 190);
  file("app", "memory.stat", "inactive_file 0\nactive_file 167772160\n");
  EXPECT_EQ(tightest()->held_bytes(), 30 * kMiB);
  EXPECT_EQ(tightest()->room_bytes(), 170 * kMiB);
}

TEST_F(Cgroups, V2NestedTakesTheGroupWithTheLeastRoom) {
  ours("0::/user.slice/app.slice/app.scope\n");
  file("user.slice/app.slice/app.scope", "memory.max", "max\n");
  mib("user.slice/app.slice", "memory.max", 4096);
  mib("user.slice/app.slice", "memory.current", 3996);
  mib("user.slice", "memory.max", 2048);
  mib("user.slice", "memory.current", 1024);
  EXPECT_EQ(tightest()->group, "/user.slice/app.slice") << "100 MiB of 4 GiB are less than 1 GiB";
  EXPECT_EQ(tightest()->room_bytes(), 100 * kMiB);
  mib("user.slice", "memory.current", 2000);
  EXPECT_EQ(tightest()->group, "/user.slice");
  EXPECT_EQ(tightest()->room_bytes(), 48 * kMiB);
}

TEST_F(Cgroups, V2InAContainerIsItsOwnRoot) {
  ours("0::/\n");
  mib("", "memory.max", 512);
  EXPECT_EQ(tightest()->group, "/");
  EXPECT_EQ(tightest()->limit_bytes, 512 * kMiB);
  EXPECT_EQ(tightest()->used_bytes, 0U);
}

TEST_F(Cgroups, V2OverdrawnHasNoRoom) {
  ours("0::/app\n");
  mib("app", "memory.high", 100);
  mib("app", "memory.current", 120);
  EXPECT_EQ(tightest()->room_bytes(), 0U);
  EXPECT_FALSE(tightest()->limit_bytes.has_value());
}

TEST_F(Cgroups, V1CountsTheWholeTreeBelowIt) {
  ours("5:cpu,cpuacct:/x\n4:memory:/docker/abc\n1:name=systemd:/\n0::/\n");
  mib("memory/docker/abc", "memory.limit_in_bytes", 1024);
  mib("memory/docker/abc", "memory.usage_in_bytes", 800);
  file("memory/docker/abc", "memory.failcnt", "42\n");
  file("memory/docker/abc", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  file("memory/docker/abc", "memory.stat",
       "inactive_file 1\nactive_file 1\ndirty 1\ntotal_dirty 1048576\ntotal_writeback 0\n"
       "total_inactive_file 104857600\ntotal_active_file 209715200\n");
  const auto memory = tightest();
  ASSERT_TRUE(memory.has_value());
  EXPECT_EQ(memory->group, "/docker/abc");
  EXPECT_EQ(memory->version, 1);
  EXPECT_EQ(memory->droppable_bytes, 299 * kMiB);
  EXPECT_EQ(memory->room_bytes(), (1024 - 501) * kMiB);
  EXPECT_EQ(memory->events.limit_hits, 42U);
  EXPECT_EQ(memory->events.oom_kills, 3U);
}

TEST_F(Cgroups, V1SaysUnlimitedByAHugeNumber) {
  ours("4:memory:/docker/abc\n");
  file("memory/docker/abc", "memory.limit_in_bytes", "9223372036854771712\n");
  file("memory", "memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(tightest().has_value());
  mib("memory/docker", "memory.limit_in_bytes", 1024);  // the parent's
  EXPECT_EQ(tightest()->group, "/docker");
}

TEST_F(Cgroups, V1InAContainerHasItsLimitAtTheMount) {
  ours("4:memory:/docker/abc\n");  // no such folder in here
  mib("memory", "memory.limit_in_bytes", 1024);
  EXPECT_EQ(tightest()->limit_bytes, 1024 * kMiB);
  EXPECT_EQ(tightest()->group, "/");
}

TEST_F(Cgroups, OddFilesAreNoLimit) {
  for (const char* groups : {"", "no colons", "0:", "0::", ":::::", "0::relative", "\n\n::\n"}) {
    ours(groups);
    mib("", "memory.max", 512);
    EXPECT_FALSE(tightest().has_value()) << groups;
  }
  ours("0::/app\n");
  for (const char* limit : {"99999999999999999999999\n", "-1\n", "", "0x10\nx"}) {
    file("", "memory.max", "max\n");
    file("app", "memory.max", limit);
    const auto memory = tightest();
    EXPECT_TRUE(!memory || memory->limit_bytes == 0U) << limit;
  }
}

TEST_F(Cgroups, MoreCacheThanUseIsCutToUse) {
  ours("0::/app\n");
  mib("app", "memory.max", 100);
  mib("app", "memory.current", 10);
  file("app", "memory.stat", "inactive_file 18446744073709551615\nactive_file 5\n");
  EXPECT_LE(tightest()->droppable_bytes, 10 * kMiB);
  EXPECT_LE(*tightest()->room_bytes(), 100 * kMiB);
}

TEST_F(Cgroups, ADeepPathEnds) {
  std::string group;
  for (int i = 0; i < 1000; ++i) group += "/x";
  ours("0::" + group + "\n");
  mib("", "memory.max", 100);
  EXPECT_FALSE(tightest().has_value()) << "beyond the depth that is walked";
}

TEST_F(Cgroups, OwnV2FolderFindsTheMount) {
  EXPECT_EQ(own_v2_folder(root_.path()), "");
  ours("4:memory:/a\n0::/b/\n");
  EXPECT_EQ(own_v2_folder(root_.path()), root_.path() + "/sys/fs/cgroup/b");
  root_.write("sys/fs/cgroup/unified/cgroup.procs", "");
  EXPECT_EQ(own_v2_folder(root_.path()), root_.path() + "/sys/fs/cgroup/unified/b");
}

}  // namespace
}  // namespace etb
