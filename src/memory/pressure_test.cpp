// Which samples press how hard, and for how long a level is told.
#include "memory/pressure.h"

#include <gtest/gtest.h>

namespace etb::memory {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr int64_t kSecond = 1'000'000'000;

// 16 GiB, 8 of them available.
PressureSample calm() {
  PressureSample sample;
  sample.machine.total_bytes = 16384 * kMiB;
  sample.machine.available_bytes = 8192 * kMiB;
  return sample;
}

// A group of 200 MiB with `held` of them not droppable.
PressureSample in_group(uint64_t held) {
  PressureSample sample = calm();
  CgroupMemory group;
  group.group = "/app";
  group.limit_bytes = 200 * kMiB;
  group.used_bytes = 200 * kMiB;
  group.droppable_bytes = (200 - held) * kMiB;
  sample.kernel.cgroup = group;
  return sample;
}

PressureSample stalled(uint64_t some_us, uint64_t full_us) {
  PressureSample sample = calm();
  sample.kernel.group = MemoryStall{{0, 0, some_us}, {0, 0, full_us}};
  return sample;
}

PressureLevel first_level(const PressureSample& sample) {
  return PressureGauge().update(sample, 0).now;
}

TEST(PressureGauge, ACalmMachineDoesNotPress) {
  PressureGauge gauge;
  const PressureReading reading = gauge.update(calm(), 0);
  EXPECT_EQ(reading.now, PressureLevel::None);
  EXPECT_EQ(reading.level, PressureLevel::None);
  EXPECT_EQ(reading.reason, "no pressure on memory");
}

TEST(PressureGauge, RoomOfTheMachine) {
  PressureSample sample = calm();
  sample.machine.available_bytes = 1024 * kMiB;  // 1/16
  EXPECT_EQ(first_level(sample), PressureLevel::None);
  sample.machine.available_bytes = 1023 * kMiB;
  EXPECT_EQ(first_level(sample), PressureLevel::Warning);
  sample.machine.available_bytes = 500 * kMiB;  // below 1/32
  EXPECT_EQ(first_level(sample), PressureLevel::Critical);
  EXPECT_EQ(PressureGauge().update(sample, 0).reason,
            "500 MiB of the machine's 16384 MiB are left, less than 3.1 %");
}

TEST(PressureGauge, RoomOfTheControlGroupIsLessWhatTheModelMaps) {
  EXPECT_EQ(first_level(in_group(100)), PressureLevel::None);
  PressureSample sample = in_group(100);
  sample.working_clean_bytes = 90 * kMiB;  // 10 of 200 are left
  EXPECT_EQ(first_level(sample), PressureLevel::Warning);
  sample.working_clean_bytes = 95 * kMiB;
  EXPECT_EQ(first_level(sample), PressureLevel::Critical);
  sample.working_clean_bytes = 500 * kMiB;
  EXPECT_EQ(first_level(sample), PressureLevel::Critical);
}

TEST(PressureGauge, RoomUnderTheLimitOfAnApp) {
  PressureSample sample = calm();
  sample.host_limit_bytes = 1000 * kMiB;
  sample.footprint_bytes = 900 * kMiB;
  sample.working_clean_bytes = 5000 * kMiB;  // such limits do not count clean pages
  EXPECT_EQ(first_level(sample), PressureLevel::None);
  sample.footprint_bytes = 950 * kMiB;
  EXPECT_EQ(first_level(sample), PressureLevel::Warning);
  sample.footprint_bytes = 1200 * kMiB;
  EXPECT_EQ(first_level(sample), PressureLevel::Critical);
}

TEST(PressureGauge, ALevelEndsFurtherOffThanItBegan) {
  PressureGauge gauge;
  EXPECT_EQ(gauge.update(in_group(189), 0).now, PressureLevel::Warning);  // 11 of 200 left
  EXPECT_EQ(gauge.update(in_group(185), 1 * kSecond).now, PressureLevel::Warning);  // 7.5 %
  EXPECT_EQ(gauge.update(in_group(180), 2 * kSecond).now, PressureLevel::None);     // 10 %
  EXPECT_EQ(gauge.update(in_group(185), 3 * kSecond).now, PressureLevel::None);
}

TEST(PressureGauge, StallsAreMeasuredBetweenSamples) {
  PressureGauge gauge;
  gauge.update(stalled(1'000'000, 500'000), 0);
  EXPECT_EQ(gauge.update(stalled(1'050'000, 500'000), kSecond).now, PressureLevel::None);  // 5 %
  const PressureReading reading = gauge.update(stalled(1'150'000, 500'000), 2 * kSecond);
  EXPECT_EQ(reading.now, PressureLevel::Warning);
  EXPECT_EQ(reading.reason, "tasks wait for memory 10.0 % of the time");
  // Everything stands still: critical. Over at half the threshold.
  EXPECT_EQ(gauge.update(stalled(1'300'000, 600'000), 3 * kSecond).now, PressureLevel::Critical);
  EXPECT_EQ(gauge.update(stalled(1'400'000, 640'000), 4 * kSecond).now, PressureLevel::Critical);
  EXPECT_EQ(gauge.update(stalled(1'450'000, 640'000), 5 * kSecond).now, PressureLevel::Warning);
  EXPECT_EQ(gauge.update(stalled(1'450'000, 640'000), 6 * kSecond).now, PressureLevel::None);
}

TEST(PressureGauge, TheFirstSampleGoesByTheKernelsAverages) {
  PressureSample sample = stalled(99'000'000, 99'000'000);
  EXPECT_EQ(first_level(sample), PressureLevel::None);
  sample.kernel.group->some.avg10 = 8;
  EXPECT_EQ(first_level(sample), PressureLevel::Warning);
  sample.kernel.group->full.avg10 = 8;
  EXPECT_EQ(first_level(sample), PressureLevel::Critical);
  // So does one that comes after a long sleep, and counters that began anew say nothing.
  PressureGauge gauge;
  gauge.update(stalled(0, 0), 0);
  EXPECT_EQ(gauge.update(stalled(50'000'000, 0), 60 * kSecond).now, PressureLevel::None);
  EXPECT_EQ(gauge.update(stalled(10, 0), 61 * kSecond).now, PressureLevel::None);
}

TEST(PressureGauge, StallsOfTheMachineCountWhenItIsShort) {
  PressureSample sample = calm();
  sample.kernel.machine = MemoryStall{{50, 50, 0}, {50, 50, 0}};
  EXPECT_EQ(first_level(sample), PressureLevel::None) << "some other group's, at its own limit";
  sample.machine.available_bytes = 3000 * kMiB;
  EXPECT_EQ(first_level(sample), PressureLevel::Critical);
  sample.kernel.group = MemoryStall{};
  EXPECT_EQ(first_level(sample), PressureLevel::None) << "our own group knows better";
}

TEST(PressureGauge, TotalsOfMachineAndGroupAreNotCompared) {
  PressureGauge gauge;
  PressureSample sample = calm();
  sample.machine.available_bytes = 3000 * kMiB;
  sample.kernel.machine = MemoryStall{};
  gauge.update(sample, 0);
  sample.kernel.group = MemoryStall{{0, 0, 900'000'000}, {0, 0, 900'000'000}};
  EXPECT_EQ(gauge.update(sample, kSecond).now, PressureLevel::None);
}

TEST(PressureGauge, EventsOfTheControlGroup) {
  const auto after = [](auto change) {
    PressureGauge gauge;
    PressureSample sample = in_group(50);
    sample.kernel.cgroup->events = {5, 5, 5, 5};
    EXPECT_EQ(gauge.update(sample, 0).now, PressureLevel::None);
    change(*sample.kernel.cgroup);
    return gauge.update(sample, kSecond).now;
  };
  EXPECT_EQ(after([](CgroupMemory&) {}), PressureLevel::None);
  EXPECT_EQ(after([](CgroupMemory& group) { group.events.limit_hits = 500; }), PressureLevel::None)
      << "page cache alone does that";
  EXPECT_EQ(after([](CgroupMemory& group) { group.events.high = 6; }), PressureLevel::Warning);
  EXPECT_EQ(after([](CgroupMemory& group) { group.events.ooms = 6; }), PressureLevel::Critical);
  EXPECT_EQ(after([](CgroupMemory& group) { group.events.oom_kills = 6; }),
            PressureLevel::Critical);
  EXPECT_EQ(after([](CgroupMemory& group) {
              group.events.oom_kills = 6;
              group.group = "/other";
            }),
            PressureLevel::None);
}

TEST(PressureGauge, WhatTheHostWasToldPressesForAWhile) {
  PressureGauge gauge;
  PressureSample told = calm();
  told.host = PressureLevel::Critical;
  EXPECT_EQ(gauge.update(told, 0).reason, "the system told the app: critical");
  EXPECT_EQ(gauge.update(calm(), kSecond).now, PressureLevel::Critical);
  told.host = PressureLevel::Warning;  // a lesser event does not end the greater one
  EXPECT_EQ(gauge.update(told, kSecond).now, PressureLevel::Critical);
  const PressureReading later = gauge.update(calm(), 2 * kSecond);
  EXPECT_EQ(later.now, PressureLevel::None);
  EXPECT_EQ(later.level, PressureLevel::Critical);
  EXPECT_EQ(later.reason, "lately: the system told the app: critical");
}

TEST(PressureGauge, RisesAtOnceAndFallsAStepAHold) {
  PressureGauge gauge;
  EXPECT_EQ(gauge.update(in_group(190), 0).level, PressureLevel::Warning);
  EXPECT_EQ(gauge.update(in_group(198), 1).level, PressureLevel::Critical);
  EXPECT_EQ(gauge.update(in_group(50), 10 * kSecond).level, PressureLevel::Critical);
  EXPECT_EQ(gauge.update(in_group(50), 11 * kSecond).level, PressureLevel::Warning);
  EXPECT_EQ(gauge.update(in_group(50), 20 * kSecond).level, PressureLevel::Warning);
  EXPECT_EQ(gauge.update(in_group(50), 21 * kSecond).level, PressureLevel::None);
}

TEST(PressureGauge, AClockThatJumpsBackHoldsAnew) {
  PressureGauge gauge;
  gauge.update(in_group(198), 100 * kSecond);
  EXPECT_EQ(gauge.update(calm(), 5 * kSecond).level, PressureLevel::Critical);
  EXPECT_EQ(gauge.update(calm(), 14 * kSecond).level, PressureLevel::Critical);
  EXPECT_EQ(gauge.update(calm(), 15 * kSecond).level, PressureLevel::Warning);
}

TEST(PressureGauge, WithoutAnyFigureThereIsNoPressure) {
  EXPECT_EQ(first_level(PressureSample{}), PressureLevel::None);
}

TEST(HostPressure, AndroidAndApple) {
  for (const int trim : {-1, 0, 1, 20}) {
    EXPECT_EQ(level_of_android_trim(trim), PressureLevel::None) << trim;
  }
  for (const int trim : {5, 10, 40, 60}) {
    EXPECT_EQ(level_of_android_trim(trim), PressureLevel::Warning) << trim;
  }
  for (const int trim : {15, 80, 1000}) {
    EXPECT_EQ(level_of_android_trim(trim), PressureLevel::Critical) << trim;
  }
  EXPECT_EQ(level_of_apple_pressure(1), PressureLevel::None);
  EXPECT_EQ(level_of_apple_pressure(2), PressureLevel::Warning);
  EXPECT_EQ(level_of_apple_pressure(4), PressureLevel::Critical);
  EXPECT_EQ(level_of_apple_pressure(6), PressureLevel::Critical);
}

}  // namespace
}  // namespace etb::memory
