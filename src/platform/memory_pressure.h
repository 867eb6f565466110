// How hard memory presses on this process right now, as the kernel tells it: stalls (PSI) of the
// machine and of our control group, and the tightest group's limit. Cheap enough to ask every
// second (a few small files); no thread, no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/cgroup.h"

namespace etb {

// Shares are percent of wall time, averaged by the kernel over 10 s and 60 s.
struct StallShare {
  double avg10 = 0;
  double avg60 = 0;
  uint64_t total_us = 0;  // since the machine or the group began
};

struct MemoryStall {
  StallShare some;  // at least one task waited for memory
  StallShare full;  // all of them did: nothing got done
};

struct MemoryPressure {
  std::optional<MemoryStall> machine;  // /proc/pressure/memory; nothing: a kernel without PSI
  std::optional<MemoryStall> group;    // memory.pressure of our own v2 group
  std::optional<CgroupMemory> cgroup;  // tightest_cgroup()
};

// Of a file's text; nothing if it has no `some` line. A missing `full` line (old kernels, for the
// machine) counts as no stall. Pure.
std::optional<MemoryStall> parse_stall(std::string_view text);

// `root` is put before /proc and /sys; `machine_bytes` as in tightest_cgroup().
MemoryPressure memory_pressure(const std::string& root, uint64_t machine_bytes);

}  // namespace etb
