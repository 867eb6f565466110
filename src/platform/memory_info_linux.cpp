// /proc/self/status, /proc/self/stat, /proc/meminfo, and the memory controllers of cgroup v1 and
// v2.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "platform/anonymous_memory.h"
#include "platform/files.h"
#include "platform/memory_info.h"
#include "platform/paths.h"
#include "platform/proc_text.h"

namespace etb {
namespace {

constexpr size_t kTextLimit = size_t{1} << 20;  // no file read here comes near it
constexpr int kCgroupDepth = 64;

// The n-th blank-separated word (0 = first) behind the ')' that ends the process name.
std::string_view stat_word(std::string_view stat, int n) {
  const size_t close = stat.rfind(')');
  if (close == std::string_view::npos) return {};
  std::string_view rest = stat.substr(close + 1);
  for (int i = 0;; ++i) {
    const size_t start = rest.find_first_not_of(' ');
    if (start == std::string_view::npos) return {};
    rest.remove_prefix(start);
    if (i == n) return rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
  }
}

// Our group in the line of /proc/self/cgroup whose controller list is `controllers`
// ("0::/a/b" for v2, "4:memory:/a/b" for v1); empty if there is none.
std::string_view cgroup_path(std::string_view text, std::string_view controller) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string list = concat(",", line.substr(first + 1, second - first - 1), ",");
    const bool ours =
        controller.empty() ? list == ",," : list.find(concat(",", controller, ",")) != list.npos;
    if (ours) return line.substr(second + 1);
  }
  return {};
}

struct CgroupFiles {
  std::string mount;       // where the hierarchy is mounted
  std::string_view limit;  // file names
  std::string_view used;
};

std::optional<uint64_t> number_in(const std::string& path) {
  const Result<std::string> text = read_text_file(path, kTextLimit);
  return text.ok() ? leading_number(*text) : std::nullopt;  // "max" is no number: no limit
}

// Walks from our group to the root of the hierarchy: the tightest limit on the way counts. Groups
// outside our own view (a container without a cgroup namespace) have no files and are passed over.
void tighten(const CgroupFiles& files, std::string_view group, MachineMemory& memory) {
  for (int depth = 0; depth < kCgroupDepth; ++depth) {
    while (group.ends_with('/')) group.remove_suffix(1);
    const std::string folder = concat(files.mount, group);
    const std::optional<uint64_t> limit = number_in(join_path(folder, files.limit));
    // v1 says "no limit" by a number beyond any machine.
    const bool real = limit && *limit < memory.total_bytes;
    if (real && (!memory.limit_bytes || *limit < *memory.limit_bytes)) {
      memory.limit_bytes = limit;
      memory.limit_used_bytes = number_in(join_path(folder, files.used));
    }
    if (group.empty()) return;
    group = group.substr(0, group.rfind('/'));
  }
}

}  // namespace

Result<ProcessMemory> process_memory() {
  return process_memory_under("");
}

Result<ProcessMemory> process_memory_under(const std::string& root) {
  ETB_ASSIGN_OR_RETURN(const std::string status,
                       read_text_file(root + "/proc/self/status", kTextLimit));
  ETB_ASSIGN_OR_RETURN(const std::string stat,
                       read_text_file(root + "/proc/self/stat", kTextLimit));
  ProcessMemory memory;
  const std::optional<uint64_t> rss = proc_kilobytes(status, "VmRSS");
  const std::optional<uint64_t> anonymous = proc_kilobytes(status, "RssAnon");
  if (!rss || !anonymous) {
    return Status(StatusCode::Unsupported,
                  "/proc/self/status has no VmRSS or RssAnon: Linux 4.5 or later is needed");
  }
  memory.rss_bytes = *rss;
  memory.anonymous_bytes = *anonymous;
  memory.peak_rss_bytes = std::max(*rss, proc_kilobytes(status, "VmHWM").value_or(0));
  memory.file_bytes = proc_kilobytes(status, "RssFile").value_or(0);
  memory.footprint_bytes = *anonymous + proc_kilobytes(status, "VmSwap").value_or(0);
  memory.minor_faults = leading_number(stat_word(stat, 7)).value_or(0);
  memory.major_faults = leading_number(stat_word(stat, 9)).value_or(0);
  return memory;
}

Result<MachineMemory> machine_memory(const std::string& root) {
  ETB_ASSIGN_OR_RETURN(const std::string info, read_text_file(root + "/proc/meminfo", kTextLimit));
  MachineMemory memory;
  const std::optional<uint64_t> total = proc_kilobytes(info, "MemTotal");
  if (!total) return Status(StatusCode::Unsupported, "/proc/meminfo has no MemTotal");
  memory.total_bytes = *total;
  memory.available_bytes =
      proc_kilobytes(info, "MemAvailable").value_or(proc_kilobytes(info, "MemFree").value_or(0));
  const Result<std::string> groups = read_text_file(root + "/proc/self/cgroup", kTextLimit);
  if (!groups.ok()) return memory;  // a kernel without cgroups
  const std::string_view v2 = cgroup_path(*groups, "");
  const std::string_view v1 = cgroup_path(*groups, "memory");
  const std::string mount = root + "/sys/fs/cgroup";
  if (!v2.empty()) tighten({mount, "memory.max", "memory.current"}, v2, memory);
  if (!v1.empty()) {
    tighten({mount + "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"}, v1, memory);
  }
  return memory;
}

struct AnonymousPeakSampler::State {
  // statm: size, resident, shared (= of files) pages; cheaper to read than status.
  void sample() {
    const Result<std::string> text = read_text_file("/proc/self/statm", kTextLimit);
    if (!text.ok()) return;
    std::string_view rest = *text;
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
    const uint64_t resident = leading_number(rest).value_or(0);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
    const uint64_t shared = leading_number(rest).value_or(resident);
    const uint64_t now = (resident - std::min(shared, resident)) * page_size();
    uint64_t seen = peak.load();
    while (now > seen && !peak.compare_exchange_weak(seen, now)) {
    }
  }

  std::atomic<uint64_t> peak{0};
  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false;  // under mutex
  std::thread thread;
};

AnonymousPeakSampler::AnonymousPeakSampler(int period_ms) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.sample();
  state.thread = std::thread([&state, period = std::chrono::milliseconds(std::max(1, period_ms))] {
    std::unique_lock<std::mutex> lock(state.mutex);
    while (!state.wake.wait_for(lock, period, [&state] { return state.stop; })) state.sample();
  });
}

AnonymousPeakSampler::~AnonymousPeakSampler() {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_one();
  state_->thread.join();
}

uint64_t AnonymousPeakSampler::peak_bytes() const {
  state_->sample();
  return state_->peak.load();
}

}  // namespace etb
