// A chat under a control group that other work fills up: from the group's files to what is given
// up, second by second, in order and back. The trees are those of cgroup v1 and v2.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "memory/budget.h"
#include "memory/default_context.h"
#include "memory/pressure.h"
#include "memory/reactions.h"
#include "platform/test_folder.h"

namespace etb::memory {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr int64_t kSecond = 1'000'000'000;
constexpr uint64_t kLimit = 400 * kMiB;
constexpr uint64_t kWeights = 100 * kMiB;  // mapped, and in use all the time
constexpr uint64_t kFixed = 10 * kMiB;
constexpr uint64_t kPerToken = 32 * 1024;

// Writes the group's files as a kernel of either version would.
class Group {
 public:
  explicit Group(int version) : version_(version) {
    root_.write("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 12582912 kB\n");
    root_.write("proc/self/cgroup", version == 1 ? "4:memory:/app\n" : "0::/app\n");
    set_used(0);
  }
  // `dirty` bytes of its own and of the others, and page cache up to the limit, as kernels do.
  void set_used(uint64_t dirty) {
    if (std::exchange(dirty_, dirty) == dirty) return;
    const uint64_t cache = kLimit - std::min(kLimit, dirty);
    const std::string bytes = std::to_string(std::min(kLimit, dirty + cache));
    const std::string list = std::to_string(cache);
    if (version_ == 1) {
      file("memory/app/memory.limit_in_bytes", std::to_string(kLimit));
      file("memory/app/memory.usage_in_bytes", bytes);
      file("memory/app/memory.stat", "total_inactive_file 0\ntotal_active_file " + list + "\n");
    } else {
      file("app/memory.max", std::to_string(kLimit));
      file("app/memory.current", bytes);
      file("app/memory.stat", "inactive_file 0\nactive_file " + list + "\n");
    }
    sample_.machine = *machine_memory(root_.path());
    sample_.kernel = memory_pressure(root_.path(), sample_.machine.total_bytes);
  }
  const PressureSample& sample() const { return sample_; }

 private:
  void file(const std::string& name, const std::string& text) {
    root_.write("sys/fs/cgroup/" + name, text + "\n");
  }
  TestFolder root_;
  int version_;
  uint64_t dirty_ = UINT64_MAX;
  PressureSample sample_;
};

// What an engine does with the reactions, in the fewest words.
class Chat {
 public:
  explicit Chat(int version) : group_(version) {
    holdings_.prefix_store_bytes = 40 * kMiB;
    holdings_.context = 4096;
    holdings_.wanted_context = 4096;
    holdings_.used_positions = 1800;
    holdings_.cost.kv_bytes_per_token = kPerToken;
    holdings_.idle_sessions = 1;
    holdings_.idle_session_bytes = 16 * kMiB;
    holdings_.loaded = true;
    holdings_.model_bytes = kFixed;
  }

  uint64_t own_bytes() const {
    return holdings_.prefix_store_bytes + holdings_.used_positions * kPerToken +
           holdings_.idle_session_bytes + (holdings_.loaded ? holdings_.model_bytes : 0);
  }

  // Goes on for some seconds with `others` bytes taken by somebody else.
  void live(int seconds, uint64_t others) {
    for (int i = 0; i < seconds; ++i, now_ns_ += kSecond) {
      group_.set_used(own_bytes() + others);
      PressureSample sample = group_.sample();
      sample.working_clean_bytes = holdings_.loaded ? kWeights : 0;
      holdings_.room_bytes =
          make_budget({.machine = sample.machine, .host_limit_bytes = {}}).dirty_bytes;
      const PressureReading reading = gauge_.update(sample, now_ns_);
      level_ = reading.level;
      const Reaction reaction = policy_.next(reading, holdings_, now_ns_);
      if (reaction.kind == ReactionKind::None) continue;
      EXPECT_FALSE(reaction.reason.empty());
      done_.push_back(reaction);
      obey(reaction);
    }
  }
  std::vector<ReactionKind> kinds() const {
    std::vector<ReactionKind> kinds;
    for (const Reaction& reaction : done_) kinds.push_back(reaction.kind);
    return kinds;
  }
  const Holdings& holdings() const { return holdings_; }
  const std::vector<Reaction>& done() const { return done_; }
  PressureLevel level() const { return level_; }

 private:
  void obey(const Reaction& reaction) {
    switch (reaction.kind) {
      case ReactionKind::None:
        break;
      case ReactionKind::DropPrefixStore:
        holdings_.prefix_store_bytes = 0;
        break;
      case ReactionKind::ShrinkContext:
      case ReactionKind::GrowContext:
        holdings_.context = reaction.context;
        holdings_.used_positions = std::min(holdings_.used_positions, reaction.context);
        break;
      case ReactionKind::ParkSessions:
        holdings_.idle_sessions = 0;
        holdings_.idle_session_bytes = 0;
        break;
      case ReactionKind::Unload:
        holdings_.loaded = false;
        holdings_.used_positions = 0;
        break;
    }
  }

  Group group_;
  PressureGauge gauge_;
  ReactionPolicy policy_;
  Holdings holdings_;
  std::vector<Reaction> done_;
  PressureLevel level_ = PressureLevel::None;
  int64_t now_ns_ = 1000 * kSecond;
};

class PressureEpisode : public ::testing::TestWithParam<int> {
 protected:
  Chat chat_{GetParam()};
};

TEST_P(PressureEpisode, AGroupFullOfPageCacheIsNone) {
  chat_.live(300, 0);
  EXPECT_TRUE(chat_.done().empty());
  EXPECT_EQ(chat_.level(), PressureLevel::None);
}

TEST_P(PressureEpisode, ALittleOfItCostsTheStoreAlone) {
  chat_.live(60, 155 * kMiB);
  EXPECT_EQ(chat_.kinds(), std::vector{ReactionKind::DropPrefixStore});
  EXPECT_EQ(chat_.holdings().context, 4096U);
  EXPECT_EQ(chat_.done()[0].reason,
            "23 MiB of the control group's 400 MiB are left, less than 6.3 %; drop the prefix "
            "store, 40 MiB");
  EXPECT_EQ(chat_.level(), PressureLevel::None) << "it was enough";
}

TEST_P(PressureEpisode, EverythingIsGivenUpInOrder) {
  // The others grow until nothing is left, then go away.
  for (uint64_t others = 150; others <= 400; others += 5) chat_.live(3, others * kMiB);
  const std::vector<ReactionKind> order = chat_.kinds();
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  for (const ReactionKind kind : {ReactionKind::DropPrefixStore, ReactionKind::ShrinkContext,
                                  ReactionKind::ParkSessions, ReactionKind::Unload}) {
    EXPECT_TRUE(std::count(order.begin(), order.end(), kind) > 0) << reaction_name(kind);
  }
  EXPECT_EQ(chat_.holdings().context, 512U);
  EXPECT_FALSE(chat_.holdings().loaded);
  EXPECT_EQ(chat_.level(), PressureLevel::Critical);
  EXPECT_EQ(chat_.own_bytes(), 0U);
}

TEST_P(PressureEpisode, TheContextComesBackStepByStep) {
  chat_.live(20, 190 * kMiB);
  const uint32_t shrunk = chat_.holdings().context;
  EXPECT_LT(shrunk, 4096U);
  EXPECT_TRUE(chat_.holdings().loaded);
  const size_t before = chat_.done().size();
  chat_.live(100, 0);
  EXPECT_EQ(chat_.done().size(), before) << "not before a long calm";
  chat_.live(600, 0);
  EXPECT_EQ(chat_.holdings().context, 4096U);
  for (size_t i = before; i < chat_.done().size(); ++i) {
    EXPECT_EQ(chat_.done()[i].kind, ReactionKind::GrowContext);
    EXPECT_EQ(chat_.done()[i].context, shrunk << (i - before + 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Cgroup, PressureEpisode, ::testing::Values(1, 2));

// From the figures of a group to a context that is let in.
TEST(LoadUnderALimit, ShrinksTheContextOrRefuses) {
  ModelCost cost;
  cost.weight_bytes = kWeights;
  cost.fixed_bytes = kFixed;
  cost.kv_bytes_per_token = kPerToken;
  cost.kv_granularity = 32;
  for (const int version : {1, 2}) {
    Group group(version);
    const auto choose = [&](uint64_t others) {
      group.set_used(others);
      ContextInput input;
      input.cost = cost;
      input.trained = 8192;
      input.file_default = 8192;
      input.machine = group.sample().machine;
      input.budget = make_budget({.machine = input.machine, .host_limit_bytes = {}});
      const uint32_t context = default_context(input).context;
      return std::pair(context, admit(cost, context, input.budget));
    };
    const auto roomy = choose(0);
    EXPECT_EQ(roomy.first, 1024U) << "of 250 MiB beside the model a quarter: 62";
    EXPECT_TRUE(roomy.second.ok());
    const auto tight = choose(150 * kMiB);
    EXPECT_EQ(tight.first, 512U);
    EXPECT_TRUE(tight.second.ok());
    const auto full = choose(250 * kMiB);
    EXPECT_EQ(full.second.code(), StatusCode::OutOfMemory);
  }
}

}  // namespace
}  // namespace etb::memory
