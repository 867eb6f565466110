// /proc/self/{status,stat,statm,smaps_rollup} and /proc/meminfo.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "platform/anonymous_memory.h"
#include "platform/cgroup.h"
#include "platform/files.h"
#include "platform/memory_info.h"
#include "platform/os_error_posix.h"
#include "platform/proc_text.h"

namespace etb {
namespace {

constexpr size_t kTextLimit = size_t{1} << 20;  // no file read here comes near it

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

// statm: size, resident, shared (of files) and more, in pages. 0 if that is not what it says.
uint64_t statm_anonymous_pages(std::string_view text) {
  std::optional<uint64_t> numbers[3];
  for (std::optional<uint64_t>& number : numbers) {
    number = leading_number(text);
    if (!number) return 0;
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    text.remove_prefix(std::min(text.find(' '), text.size()));
  }
  return *numbers[1] - std::min(*numbers[1], *numbers[2]);
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
  if (const auto group = tightest_cgroup(root, memory.total_bytes)) {
    memory.limit_bytes = group->bound_bytes();
    memory.limit_used_bytes = group->held_bytes();
  }
  return memory;
}

Result<SharedMemory> shared_memory(const std::string& root) {
  ETB_ASSIGN_OR_RETURN(const std::string rollup,
                       read_text_file(root + "/proc/self/smaps_rollup", kTextLimit));
  const std::optional<uint64_t> pss = proc_kilobytes(rollup, "Pss");
  if (!pss) return Status(StatusCode::Unsupported, "/proc/self/smaps_rollup has no Pss");
  const auto bytes = [&rollup](std::string_view key) {
    return proc_kilobytes(rollup, key).value_or(0);
  };
  SharedMemory memory;
  memory.pss_bytes = *pss;
  memory.private_clean_bytes = bytes("Private_Clean");
  memory.private_dirty_bytes = bytes("Private_Dirty");
  memory.shared_bytes = bytes("Shared_Clean") + bytes("Shared_Dirty");
  memory.swap_pss_bytes = bytes("SwapPss");
  return memory;
}

Result<FootprintSampler> FootprintSampler::open(const std::string& root) {
  const std::string path = root + "/proc/self/statm";
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return os_error("open", path, errno);
  return FootprintSampler(file);
}

FootprintSampler::~FootprintSampler() {
  if (file_ >= 0) ::close(file_);
}

FootprintSampler::FootprintSampler(FootprintSampler&& other) noexcept
    : file_(std::exchange(other.file_, -1)) {}

FootprintSampler& FootprintSampler::operator=(FootprintSampler&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

uint64_t FootprintSampler::sample() const {
  char text[128];  // seven numbers
  const ssize_t got = ::pread(file_, text, sizeof text, 0);
  if (got <= 0) return 0;
  return statm_anonymous_pages({text, static_cast<size_t>(got)}) * page_size();
}

struct AnonymousPeakSampler::State {
  void sample() {
    const uint64_t now = sampler.ok() ? sampler->sample() : 0;
    uint64_t seen = peak.load();
    while (now > seen && !peak.compare_exchange_weak(seen, now)) {
    }
  }

  const Result<FootprintSampler> sampler = FootprintSampler::open();
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
