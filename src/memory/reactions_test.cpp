// The order of what is given up, how long each step is waited for, and the way back.
#include "memory/reactions.h"

#include <gtest/gtest.h>

namespace etb::memory {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr int64_t kSecond = 1'000'000'000;

PressureReading pressing(PressureLevel level) {
  return {level, level, "11 MiB of the machine's 200 MiB are left"};
}
const PressureReading kWarning = pressing(PressureLevel::Warning);
const PressureReading kCritical = pressing(PressureLevel::Critical);
const PressureReading kHeld = {PressureLevel::None, PressureLevel::Warning, "lately"};
const PressureReading kCalm = {};

// A chat with all there is to give.
Holdings rich() {
  Holdings holdings;
  holdings.prefix_store_bytes = 64 * kMiB;
  holdings.context = 4096;
  holdings.wanted_context = 4096;
  holdings.used_positions = 1500;
  holdings.cost.kv_bytes_per_token = 32 * 1024;
  holdings.idle_sessions = 2;
  holdings.idle_session_bytes = 20 * kMiB;
  holdings.loaded = true;
  holdings.model_bytes = 12 * kMiB;
  holdings.room_bytes = 1000 * kMiB;
  return holdings;
}

TEST(Reactions, NoneWithoutPressure) {
  ReactionPolicy policy;
  const Reaction reaction = policy.next(kCalm, rich(), 0);
  EXPECT_EQ(reaction.kind, ReactionKind::None);
  EXPECT_EQ(reaction.reason, "");
}

TEST(Reactions, TheStoreGoesFirst) {
  ReactionPolicy policy;
  const Reaction reaction = policy.next(kWarning, rich(), 0);
  EXPECT_EQ(reaction.kind, ReactionKind::DropPrefixStore);
  EXPECT_EQ(reaction.bytes, 64 * kMiB);
  EXPECT_EQ(reaction.reason,
            "11 MiB of the machine's 200 MiB are left; drop the prefix store, 64 MiB");
}

TEST(Reactions, EachIsWaitedFor) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  EXPECT_EQ(policy.next(kWarning, holdings, 0).kind, ReactionKind::DropPrefixStore);
  holdings.prefix_store_bytes = 0;
  EXPECT_EQ(policy.next(kWarning, holdings, kSecond).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kWarning, holdings, 2 * kSecond).kind, ReactionKind::ShrinkContext);
  // More urgent: half a second.
  EXPECT_EQ(policy.next(kCritical, holdings, 2 * kSecond + kSecond / 4).kind, ReactionKind::None);
  EXPECT_NE(policy.next(kCritical, holdings, 3 * kSecond).kind, ReactionKind::None);
}

TEST(Reactions, AnEffectThatShowsEndsThem) {
  ReactionPolicy policy;
  EXPECT_EQ(policy.next(kWarning, rich(), 0).kind, ReactionKind::DropPrefixStore);
  Holdings holdings = rich();
  holdings.prefix_store_bytes = 0;
  for (int second = 1; second < 12; ++second) {  // the level is still told to the app
    EXPECT_EQ(policy.next(kHeld, holdings, second * kSecond).kind, ReactionKind::None);
  }
}

TEST(Reactions, FirstWhatIsNotUsedIsTakenFromTheContext) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  holdings.prefix_store_bytes = 0;
  const Reaction cap = policy.next(kWarning, holdings, 0);
  EXPECT_EQ(cap.kind, ReactionKind::ShrinkContext);
  EXPECT_EQ(cap.context, 2048U);
  EXPECT_EQ(cap.bytes, 0U);
  holdings.context = 2048;
  const Reaction half = policy.next(kWarning, holdings, 10 * kSecond);
  EXPECT_EQ(half.kind, ReactionKind::ShrinkContext);
  EXPECT_EQ(half.context, 1024U);
  EXPECT_EQ(half.bytes, (1500 - 1024) * 32 * 1024U);
  EXPECT_NE(half.reason.find("shrink the context from 2048 to 1024: 476 positions of KV cache go, "
                             "15 MiB"),
            std::string::npos)
      << half.reason;
}

TEST(Reactions, CriticalShrinksWhatGivesSomethingBack) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  holdings.prefix_store_bytes = 0;
  EXPECT_EQ(policy.next(kCritical, holdings, 0).context, 1024U);
}

TEST(Reactions, TheContextDoesNotShrinkBelowItsLeast) {
  for (const uint32_t wanted : {100U, 512U, 4096U}) {
    ReactionPolicy policy;
    Holdings holdings = rich();
    holdings.prefix_store_bytes = 0;
    holdings.wanted_context = wanted;
    holdings.context = wanted;
    holdings.used_positions = wanted;
    int64_t now = 0;
    for (int i = 0; i < 20; ++i, now += 10 * kSecond) {
      const Reaction reaction = policy.next(kWarning, holdings, now);
      if (reaction.kind != ReactionKind::ShrinkContext) break;
      EXPECT_LT(reaction.context, holdings.context);
      holdings.context = reaction.context;
      holdings.used_positions = reaction.context;
    }
    EXPECT_EQ(holdings.context, std::min(wanted, 512U));
  }
}

TEST(Reactions, WhatGivesNothingBackIsPassedOver) {
  ReactionPolicy policy;
  const Holdings stuck = rich();  // nothing that is asked for happens
  EXPECT_EQ(policy.next(kWarning, stuck, 0).kind, ReactionKind::DropPrefixStore);
  EXPECT_EQ(policy.next(kWarning, stuck, 10 * kSecond).kind, ReactionKind::ShrinkContext);
  EXPECT_EQ(policy.next(kWarning, stuck, 20 * kSecond).kind, ReactionKind::ParkSessions);
  EXPECT_EQ(policy.next(kWarning, stuck, 30 * kSecond).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kCritical, stuck, 40 * kSecond).kind, ReactionKind::Unload);
  policy.next(kCalm, stuck, 50 * kSecond);
  EXPECT_EQ(policy.next(kWarning, stuck, 60 * kSecond).kind, ReactionKind::DropPrefixStore)
      << "another pressure, another try";
}

TEST(Reactions, OnlyCriticalUnloads) {
  ReactionPolicy policy;
  Holdings holdings;
  holdings.loaded = true;
  holdings.model_bytes = 12 * kMiB;
  EXPECT_EQ(policy.next(kWarning, holdings, 0).kind, ReactionKind::None);
  const Reaction reaction = policy.next(kCritical, holdings, kSecond);
  EXPECT_EQ(reaction.kind, ReactionKind::Unload);
  EXPECT_FALSE(reaction.cancel_running);
  EXPECT_EQ(reaction.bytes, 12 * kMiB);
  holdings.loaded = false;
  EXPECT_EQ(policy.next(kCritical, holdings, 60 * kSecond).kind, ReactionKind::None);
}

TEST(Reactions, ABusyRunnerGetsAMomentToFinish) {
  ReactionPolicy policy;
  Holdings holdings;
  holdings.loaded = true;
  holdings.busy = true;
  EXPECT_EQ(policy.next(kCritical, holdings, 0).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kCritical, holdings, 4 * kSecond).kind, ReactionKind::None);
  const Reaction reaction = policy.next(kCritical, holdings, 5 * kSecond);
  EXPECT_EQ(reaction.kind, ReactionKind::Unload);
  EXPECT_TRUE(reaction.cancel_running);

  ReactionPolicy other;
  EXPECT_EQ(other.next(kCritical, holdings, 0).kind, ReactionKind::None);
  holdings.busy = false;  // it finished
  const Reaction idle = other.next(kCritical, holdings, kSecond);
  EXPECT_EQ(idle.kind, ReactionKind::Unload);
  EXPECT_FALSE(idle.cancel_running);
}

TEST(Reactions, TheContextGrowsBackAfterALongCalm) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  holdings.context = 1024;
  policy.next(kHeld, holdings, 0);
  EXPECT_EQ(policy.next(kCalm, holdings, 10 * kSecond).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kCalm, holdings, 129 * kSecond).kind, ReactionKind::None);
  const Reaction grow = policy.next(kCalm, holdings, 130 * kSecond);
  EXPECT_EQ(grow.kind, ReactionKind::GrowContext);
  EXPECT_EQ(grow.context, 2048U);
  EXPECT_EQ(grow.reason,
            "no pressure on memory for 120 s; grow the context from 1024 to 2048: it may take 32 "
            "MiB more of 1000 MiB left");
  holdings.context = 2048;
  EXPECT_EQ(policy.next(kCalm, holdings, 131 * kSecond).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kCalm, holdings, 250 * kSecond).context, 4096U);
  holdings.context = 4096;
  EXPECT_EQ(policy.next(kCalm, holdings, 1000 * kSecond).kind, ReactionKind::None);
}

TEST(Reactions, LayersWithAFullWindowTakeNoMore) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  holdings.context = 1024;
  holdings.cost = {
      .kv_bytes_per_token = 8 * 1024, .window_bytes_per_token = 24 * 1024, .window_positions = 768};
  policy.next(kCalm, holdings, 0);
  const Reaction grow = policy.next(kCalm, holdings, 200 * kSecond);
  EXPECT_NE(grow.reason.find("it may take 8.0 MiB more"), std::string::npos) << grow.reason;
  const Reaction store = policy.next(kWarning, holdings, 201 * kSecond);
  EXPECT_EQ(store.kind, ReactionKind::DropPrefixStore);
  holdings.context = 2048;
  const Reaction half = policy.next(kWarning, holdings, 210 * kSecond);
  EXPECT_EQ(half.context, 1024U);
  EXPECT_EQ(half.bytes, 476 * 8 * 1024U);
}

TEST(Reactions, TheContextGrowsOnlyIntoRoom) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  holdings.context = 1024;
  holdings.room_bytes = 63 * kMiB;  // twice the 32 MiB it takes are wanted
  policy.next(kCalm, holdings, 0);
  EXPECT_EQ(policy.next(kCalm, holdings, 200 * kSecond).kind, ReactionKind::None);
  holdings.room_bytes = 64 * kMiB;
  EXPECT_EQ(policy.next(kCalm, holdings, 201 * kSecond).kind, ReactionKind::GrowContext);
}

TEST(Reactions, PressureEndsTheCalm) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  holdings.context = 1024;
  holdings.prefix_store_bytes = 0;
  policy.next(kCalm, holdings, 0);
  policy.next(kHeld, holdings, 119 * kSecond);
  EXPECT_EQ(policy.next(kCalm, holdings, 121 * kSecond).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kCalm, holdings, 240 * kSecond).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kCalm, holdings, 241 * kSecond).kind, ReactionKind::GrowContext);
}

TEST(Reactions, AClockThatJumpsBackDoesNotStopThem) {
  ReactionPolicy policy;
  Holdings holdings = rich();
  EXPECT_EQ(policy.next(kWarning, holdings, 1000 * kSecond).kind, ReactionKind::DropPrefixStore);
  holdings.prefix_store_bytes = 0;
  EXPECT_EQ(policy.next(kWarning, holdings, 0).kind, ReactionKind::None);
  EXPECT_EQ(policy.next(kWarning, holdings, 2 * kSecond).kind, ReactionKind::ShrinkContext);
}

TEST(Reactions, AbsurdFiguresAreBorne) {
  Holdings holdings;
  holdings.prefix_store_bytes = UINT64_MAX;
  holdings.context = UINT32_MAX;
  holdings.wanted_context = UINT32_MAX;
  holdings.used_positions = UINT32_MAX;
  holdings.cost.kv_bytes_per_token = UINT64_MAX;
  holdings.idle_sessions = UINT32_MAX;
  holdings.loaded = true;
  ReactionPolicy policy;
  for (int i = 0; i < 10; ++i) {
    const Reaction reaction = policy.next(kWarning, holdings, i * 10 * kSecond);
    if (reaction.kind == ReactionKind::ShrinkContext) {
      EXPECT_LT(reaction.context, holdings.context);
    }
  }
  holdings.context = UINT32_MAX - 1;
  policy.next(kCalm, holdings, 200 * kSecond);
  EXPECT_EQ(policy.next(kCalm, holdings, 400 * kSecond).kind, ReactionKind::None);
}

}  // namespace
}  // namespace etb::memory
