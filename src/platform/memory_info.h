// What memory the process uses and what the machine has to give. Clean (mapped files) and dirty
// (anonymous) bytes are kept apart: only the latter get a process killed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"

namespace etb {

struct ProcessMemory {
  uint64_t rss_bytes = 0;        // clean and dirty pages in memory
  uint64_t peak_rss_bytes = 0;   // since the process began
  uint64_t anonymous_bytes = 0;  // dirty pages in memory
  uint64_t file_bytes = 0;       // pages of mapped files in memory
  uint64_t footprint_bytes = 0;  // what counts against limits: anonymous and swapped-out bytes
  uint64_t minor_faults = 0;     // pages that were in memory already
  uint64_t major_faults = 0;     // pages read from disk
};

struct MachineMemory {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;              // without swapping, as the system estimates it
  std::optional<uint64_t> limit_bytes;       // tightest cgroup limit over this process
  std::optional<uint64_t> limit_used_bytes;  // of that cgroup, page cache included
};

Result<ProcessMemory> process_memory();
// `root` is put before /proc and /sys: tests read recorded trees.
Result<ProcessMemory> process_memory_under(const std::string& root);
Result<MachineMemory> machine_memory(const std::string& root = "");

// No system counts the peak of anonymous memory, so a thread of its own samples it while this
// lives.
class AnonymousPeakSampler {
 public:
  explicit AnonymousPeakSampler(int period_ms = 5);
  ~AnonymousPeakSampler();
  AnonymousPeakSampler(const AnonymousPeakSampler&) = delete;
  AnonymousPeakSampler& operator=(const AnonymousPeakSampler&) = delete;

  uint64_t peak_bytes() const;  // samples once more first

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace etb
