// What this machine and this build can do, for people who wonder why something is slow or missing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/thermal.h"

namespace etb {

// "0.1.0 (ExecuTorch 1.5.1)"
std::string_view version_line();

struct DoctorReport {
  std::string version;
  std::string runtime;
  std::string cpu;
  std::string cpu_features;
  std::string kernel_path;                // the one that is used
  std::vector<std::string> kernel_paths;  // all this machine can run, best last
  int logical_cores = 0;
  int default_threads = 0;
  uint64_t memory_total = 0;
  uint64_t memory_available = 0;
  std::optional<uint64_t> memory_limit;
  uint64_t memory_budget = 0;             // dirty bytes that this process may take now
  std::string memory_reason;              // how that comes about, in a sentence with the numbers
  std::string pressure;                   // now: "none", "warning", "critical"
  std::string pressure_reason;            // with numbers
  std::optional<ThermalReading> hottest;  // nothing: no thermal zone can be read
  std::vector<std::string> backends;      // linked and available
  std::string cache_folder;               // empty: none
  std::vector<std::string> problems;      // each names the thing and the remedy
};

DoctorReport doctor();

}  // namespace etb
