// The memory controllers of the control groups that this process is in: limits, use, events, of
// cgroup v1 and v2. Reading only; what a kernel does not offer is missing, never an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace etb {

// How often the kernel acted since the group began. v1 counts limit_hits and oom_kills only.
struct CgroupEvents {
  uint64_t high = 0;        // made to wait above memory.high
  uint64_t limit_hits = 0;  // reached the limit; page cache alone does that, so no alarm by itself
  uint64_t ooms = 0;        // could not get below the limit
  uint64_t oom_kills = 0;   // killed one of its processes
};

struct CgroupMemory {
  std::string group;                    // as /proc/self/cgroup names it, "/" for the topmost
  int version = 2;                      // of the hierarchy
  std::optional<uint64_t> limit_bytes;  // beyond it the kernel kills; v1's word for none is none
  std::optional<uint64_t> high_bytes;   // v2: beyond it the kernel makes the group wait
  uint64_t used_bytes = 0;              // page cache included
  // Clean page cache, in use or not: the kernel drops it rather than kill. A mapped model is in it.
  uint64_t droppable_bytes = 0;
  CgroupEvents events;

  // The nearer of limit and high; nothing if the group has neither.
  std::optional<uint64_t> bound_bytes() const;
  uint64_t held_bytes() const;                 // used and not droppable
  std::optional<uint64_t> room_bytes() const;  // from held_bytes() to bound_bytes()
};

// Of all groups from ours up to the root, the one with the least room; nothing if none has a bound
// below `machine_bytes` (all memory of the machine). Groups outside our own view (a container
// without a cgroup namespace) have no files and are passed over. `root` is put before /proc and
// /sys.
std::optional<CgroupMemory> tightest_cgroup(const std::string& root, uint64_t machine_bytes);

// The folder of our own group in the v2 hierarchy, where its memory.pressure lies; empty without
// one. It need not exist.
std::string own_v2_folder(const std::string& root);

}  // namespace etb
