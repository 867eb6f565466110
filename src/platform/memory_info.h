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

// What the process uses when pages shared with other processes are split among them: a mapped model
// that two programs use counts half for each.
struct SharedMemory {
  uint64_t pss_bytes = 0;            // proportional share of all resident pages
  uint64_t private_clean_bytes = 0;  // of files, and nobody else's
  uint64_t private_dirty_bytes = 0;  // what ending this process would free for sure
  uint64_t shared_bytes = 0;         // mapped by others too, whole
  uint64_t swap_pss_bytes = 0;
};

struct MachineMemory {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;         // without swapping, as the system estimates it
  std::optional<uint64_t> limit_bytes;  // of the cgroup over this process that has the least room
  // What that cgroup holds and could not drop: its use less clean page cache (a mapped model).
  std::optional<uint64_t> limit_used_bytes;
};

Result<ProcessMemory> process_memory();
// `root` is put before /proc and /sys: tests read recorded trees.
Result<ProcessMemory> process_memory_under(const std::string& root);
// Exact, and dearer than the others: the kernel walks all page tables (tens of milliseconds a GiB).
// NotFound or Unsupported where it has no smaps_rollup.
Result<SharedMemory> shared_memory(const std::string& root = "");
Result<MachineMemory> machine_memory(const std::string& root = "");

// The process's dirty bytes, again and again: the file stays open, a sample is one system call and
// allocates nothing.
class FootprintSampler {
 public:
  static Result<FootprintSampler> open(const std::string& root = "");
  ~FootprintSampler();
  FootprintSampler(FootprintSampler&& other) noexcept;
  FootprintSampler& operator=(FootprintSampler&& other) noexcept;

  // Anonymous bytes in memory now (swapped-out ones not counted); 0 if the system does not say.
  // From any thread, several at once. The kernel sums it from counters a processor: up to 128 KiB
  // a processor off.
  uint64_t sample() const;

 private:
  explicit FootprintSampler(int file) : file_(file) {}
  int file_ = -1;
};

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
