// Core counts and names from /proc/cpuinfo, /sys/devices/system/cpu, the affinity mask and the
// cgroup's CPU quota.
#include <sched.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.h"
#include "platform/cpu_features.h"
#include "platform/files.h"
#include "platform/proc_text.h"

namespace etb {
namespace {

constexpr size_t kTextLimit = size_t{4} << 20;  // /proc/cpuinfo of a machine with 1024 cores
constexpr int kMostCpus = CPU_SETSIZE;

std::string text_of(const std::string& path) {
  Result<std::string> text = read_text_file(path, kTextLimit);
  return text.ok() ? std::move(text).value() : std::string();
}

// "0-3,8" -> {0,1,2,3,8}; what cannot be read is left out.
std::vector<int> cpu_list(std::string_view text) {
  std::vector<int> cpus;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find(','));
    text.remove_prefix(std::min(piece.size() + 1, text.size()));
    const std::optional<uint64_t> first = leading_number(piece);
    if (!first) continue;
    const size_t dash = piece.find('-');
    const uint64_t last =
        dash == piece.npos ? *first : leading_number(piece.substr(dash + 1)).value_or(*first);
    for (uint64_t cpu = *first; cpu <= last && cpu < kMostCpus; ++cpu) {
      cpus.push_back(static_cast<int>(cpu));
    }
  }
  return cpus;
}

std::vector<int> allowed_cpus(const std::string& root) {
  std::vector<int> cpus = cpu_list(text_of(root + "/sys/devices/system/cpu/online"));
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (root.empty() && ::sched_getaffinity(0, sizeof mask, &mask) == 0) {
    cpus.clear();
    for (int cpu = 0; cpu < kMostCpus; ++cpu) {
      if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
    }
  }
  return cpus;
}

// Capacity where the system rates its cores against each other (ARM), else the top clock; 0
// unknown.
uint64_t speed_of(const std::string& root, int cpu) {
  const std::string folder = concat(root, "/sys/devices/system/cpu/cpu", cpu);
  const std::optional<uint64_t> capacity = leading_number(text_of(folder + "/cpu_capacity"));
  if (capacity) return *capacity;
  return leading_number(text_of(folder + "/cpufreq/cpuinfo_max_freq")).value_or(0);
}

// Cores that the cgroup's quota pays for, rounded up; nothing if it sets none.
std::optional<int> quota_cores(const std::string& root) {
  const std::string v2 = text_of(root + "/sys/fs/cgroup/cpu.max");  // "200000 100000" or "max ..."
  std::optional<uint64_t> quota = leading_number(v2);
  std::optional<uint64_t> period =
      leading_number(std::string_view(v2).substr(std::min(v2.find(' '), v2.size())));
  if (v2.empty()) {  // v1: -1 (no number) is no quota
    quota = leading_number(text_of(root + "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"));
    period = leading_number(text_of(root + "/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
  }
  if (!quota || !period || *period == 0) return std::nullopt;
  const uint64_t cores = *quota / *period + (*quota % *period != 0 ? 1 : 0);
  return static_cast<int>(std::clamp<uint64_t>(cores, 1, kMostCpus));
}

std::string model_name(const std::string& root) {
  const std::string info = text_of(root + "/proc/cpuinfo");
  for (std::string_view key : {"model name", "Hardware", "Model"}) {
    const std::string_view name = proc_field(info, key);
    if (!name.empty()) return std::string(name);
  }
  const std::string_view part = proc_field(info, "CPU part");
  if (part.empty()) return "unknown";
  return concat("ARM implementer ", proc_field(info, "CPU implementer"), " part ", part);
}

}  // namespace

CpuTopology cpu_topology(const std::string& root) {
  CpuTopology topology;
  topology.model = model_name(root);
  const std::vector<int> cpus = allowed_cpus(root);
  std::vector<uint64_t> speeds;
  for (int cpu : cpus) speeds.push_back(speed_of(root, cpu));
  const uint64_t best = speeds.empty() ? 0 : *std::max_element(speeds.begin(), speeds.end());
  const auto fast = std::count_if(speeds.begin(), speeds.end(),
                                  [best](uint64_t speed) { return speed >= best - best / 4; });
  const int quota = quota_cores(root).value_or(kMostCpus);
  topology.logical_cores = std::clamp(static_cast<int>(cpus.size()), 1, quota);
  topology.performance_cores = std::clamp(static_cast<int>(fast), 1, quota);
  return topology;
}

}  // namespace etb
