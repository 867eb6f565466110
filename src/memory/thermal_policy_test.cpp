// Threads go down before the machine is slowed down, and come back when it has cooled.
#include "memory/thermal_policy.h"

#include <gtest/gtest.h>

#include "platform/test_folder.h"

namespace etb::memory {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// A zone that is slowed down at 85 degrees.
ThermalSample at(int64_t degrees) {
  ThermalSample sample;
  sample.zone = ThermalReading{"cpu-thermal", degrees * 1000, 85'000};
  return sample;
}

ThermalSample told(ThermalLevel level) {
  ThermalSample sample;
  sample.host = level;
  return sample;
}

TEST(ThermalPolicy, ACoolMachineUsesAllThreads) {
  ThermalPolicy policy(8);
  for (int second = 0; second < 100; ++second) {
    const ThreadChoice choice = policy.update(at(60), second * kSecond);
    EXPECT_EQ(choice.threads, 8U);
    EXPECT_EQ(choice.level, ThermalLevel::Nominal);
    EXPECT_FALSE(choice.changed);
  }
  EXPECT_EQ(policy.update({}, 101 * kSecond).threads, 8U) << "no sensor, no reason to slow down";
}

TEST(ThermalPolicy, GoesDownAThreadAtATimeBeforeThrottling) {
  ThermalPolicy policy(8);
  const ThreadChoice first = policy.update(at(76), 0);
  EXPECT_EQ(first.level, ThermalLevel::Fair);
  EXPECT_EQ(first.threads, 7U);
  EXPECT_EQ(
      first.reason,
      "cpu-thermal is at 76.0 C, 9.0 C below the 85.0 C where it is slowed down; threads from "
      "8 to 7 of 8");
  EXPECT_EQ(policy.update(at(76), 4 * kSecond).threads, 7U) << "the effect shows first";
  EXPECT_EQ(policy.update(at(76), 5 * kSecond).threads, 6U);
  EXPECT_EQ(policy.update(at(76), 50 * kSecond).threads, 6U) << "3/4 of them when fair";
  EXPECT_EQ(policy.update(at(81), 60 * kSecond).threads, 5U);
  EXPECT_EQ(policy.update(at(81), 70 * kSecond).threads, 4U);
  EXPECT_EQ(policy.update(at(81), 100 * kSecond).threads, 4U) << "half when serious";
}

TEST(ThermalPolicy, AtTheLimitItGoesDownAtOnce) {
  ThermalPolicy policy(8);
  EXPECT_EQ(policy.update(at(85), 0).threads, 2U);
  ThermalPolicy small(2);
  EXPECT_EQ(small.update(at(120), 0).threads, 1U);
  ThermalPolicy one(1);
  EXPECT_EQ(one.update(at(120), 0).threads, 1U);
  EXPECT_FALSE(one.update(at(120), 0).changed);
  EXPECT_EQ(ThermalPolicy(0).threads(), 1U);
}

TEST(ThermalPolicy, ComesBackSlowlyAndWithHysteresis) {
  ThermalPolicy policy(4);
  policy.update(at(81), 0);
  policy.update(at(81), 5 * kSecond);
  EXPECT_EQ(policy.threads(), 2U);
  // 6 degrees below: serious begins at 5, but ends at 8.
  EXPECT_EQ(policy.update(at(79), 10 * kSecond).level, ThermalLevel::Serious);
  EXPECT_EQ(policy.update(at(76), 11 * kSecond).level, ThermalLevel::Fair);
  EXPECT_EQ(policy.update(at(60), 12 * kSecond).level, ThermalLevel::Nominal);
  EXPECT_EQ(policy.update(at(60), 39 * kSecond).threads, 2U);
  EXPECT_EQ(policy.update(at(60), 40 * kSecond).threads, 3U) << "30 s after it was last hot";
  EXPECT_EQ(policy.update(at(60), 69 * kSecond).threads, 3U);
  const ThreadChoice last = policy.update(at(60), 70 * kSecond);
  EXPECT_EQ(last.threads, 4U);
  EXPECT_EQ(last.reason,
            "cpu-thermal is at 60.0 C, 25.0 C below the 85.0 C where it is slowed down; threads "
            "from 3 to 4 of 4");
}

TEST(ThermalPolicy, WhatTheHostWasToldCountsWhenItIsWorse) {
  ThermalPolicy policy(8);
  ThermalSample sample = at(60);
  sample.host = ThermalLevel::Serious;
  const ThreadChoice choice = policy.update(sample, 0);
  EXPECT_EQ(choice.level, ThermalLevel::Serious);
  EXPECT_EQ(choice.reason, "the system told the app: serious; threads from 8 to 7 of 8");
  sample = at(90);
  sample.host = ThermalLevel::Nominal;
  EXPECT_EQ(policy.update(sample, kSecond).threads, 2U);
  EXPECT_EQ(policy.update(told(ThermalLevel::Nominal), 31 * kSecond).threads, 3U);
}

TEST(ThermalPolicy, AClockThatJumpsBackOnlyWaits) {
  ThermalPolicy policy(4);
  policy.update(at(81), 1000 * kSecond);
  EXPECT_EQ(policy.update(at(81), 0).threads, 3U);
  EXPECT_EQ(policy.update(at(81), 5 * kSecond).threads, 2U);
}

// An hour of a machine that heats up with the threads it runs and cools by itself.
TEST(ThermalPolicy, FindsWhatTheMachineCanBear) {
  ThermalPolicy policy(8);
  double degrees = 40;
  int changes_late = 0;
  for (int second = 0; second < 3600; ++second) {
    const ThreadChoice choice = policy.update(at(static_cast<int64_t>(degrees)), second * kSecond);
    degrees += 0.01 * (25 + 8.0 * choice.threads - degrees);
    EXPECT_LT(degrees, 85.0) << "slowed down at second " << second;
    if (second > 1800 && choice.changed) ++changes_late;
  }
  EXPECT_GE(policy.threads(), 4U);
  EXPECT_LE(changes_late, 60) << "it does not flutter";
}

TEST(ThermalPolicy, OverARecordedTreeOfZones) {
  const TestFolder root;
  const auto zone = [&root](std::string_view temperature) {
    root.write("sys/class/thermal/thermal_zone0/type", "soc-thermal\n");
    root.write("sys/class/thermal/thermal_zone0/temp", temperature);
    root.write("sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n");
    root.write("sys/class/thermal/thermal_zone0/trip_point_0_temp", "80000\n");
  };
  zone("50000\n");
  const ThermalZones zones = ThermalZones::find(root.path());
  ThermalPolicy policy(4);
  const auto threads = [&](int64_t second) {
    return policy.update({zones.hottest(), std::nullopt}, second * kSecond).threads;
  };
  EXPECT_EQ(threads(0), 4U);
  zone("72000\n");
  EXPECT_EQ(threads(1), 3U);
  zone("76000\n");
  EXPECT_EQ(threads(6), 2U);
  zone("80500\n");
  EXPECT_EQ(threads(7), 1U);
  zone("50000\n");
  EXPECT_EQ(threads(37), 2U);
  EXPECT_EQ(threads(67), 3U);
  EXPECT_EQ(threads(97), 4U);
}

TEST(HostThermal, AndroidAndApple) {
  EXPECT_EQ(level_of_android_thermal(-1), ThermalLevel::Nominal);
  EXPECT_EQ(level_of_android_thermal(2), ThermalLevel::Serious);
  EXPECT_EQ(level_of_android_thermal(6), ThermalLevel::Critical);
  EXPECT_EQ(level_of_apple_thermal(1), ThermalLevel::Fair);
  EXPECT_EQ(level_of_apple_thermal(99), ThermalLevel::Critical);
}

}  // namespace
}  // namespace etb::memory
