// A chat in a process whose control group grants 1.2 times what the engine foretold, while the app
// takes memory for itself and other conversations come and go: it should reach its end by giving
// things up. Under 0.8 times the load should be refused with the numbers. Never should the kernel
// kill. Needs root and a writable memory controller (v1 or v2).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "bench.h"
#include "platform/files.h"
#include "platform/memory_info.h"

namespace etb::bench {
namespace {

constexpr uint32_t kContext = 2048;
constexpr double kAppShare = 0.2;  // of the limit, taken by the app in the middle of the chat

bool write_text(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  return written;
}

std::string read_text(const std::string& path) {
  return read_text_file(path, 1 << 16).ok() ? read_text_file(path, 1 << 16).value() : "";
}

uint64_t number_after(const std::string& text, const std::string& name) {
  std::istringstream in(text);
  for (std::string key; in >> key;) {
    uint64_t value = 0;
    if (key == name && in >> value) return value;
  }
  return 0;
}

// A control group of our own below the one we are in; gone with the object.
class Group {
 public:
  // An empty name: none can be made here.
  explicit Group(uint64_t limit_bytes) {
    std::istringstream lines(read_text("/proc/self/cgroup"));
    for (std::string line; std::getline(lines, line);) {
      const size_t second = line.find(':', line.find(':') + 1);
      const std::string name = line.substr(second + 1);
      const bool memory = line.find(":memory:") != std::string::npos;
      if (memory) try_make("/sys/fs/cgroup/memory" + name, "memory.limit_in_bytes", limit_bytes);
      if (line.starts_with("0::")) try_make("/sys/fs/cgroup" + name, "memory.max", limit_bytes);
    }
  }
  ~Group() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  bool made() const { return !path_.empty(); }
  const std::string& path() const { return path_; }
  bool enter() const { return write_text(path_ + "/cgroup.procs", std::to_string(::getpid())); }
  uint64_t peak_bytes() const {
    const std::string v1 = read_text(path_ + "/memory.max_usage_in_bytes");
    return std::strtoull((v1.empty() ? read_text(path_ + "/memory.peak") : v1).c_str(), nullptr,
                         10);
  }
  uint64_t kills() const {
    return number_after(read_text(path_ + "/memory.oom_control"), "oom_kill") +
           number_after(read_text(path_ + "/memory.events"), "oom_kill");
  }

 private:
  void try_make(const std::string& parent, const std::string& file, uint64_t limit_bytes) {
    if (made()) return;
    const std::string path = concat(parent, "/bench_conversation-", ::getpid());
    if (::mkdir(path.c_str(), 0755) != 0) return;
    if (write_text(path + "/" + file, std::to_string(limit_bytes))) {
      path_ = path;
    } else {
      ::rmdir(path.c_str());
    }
  }

  std::string path_;
};

// The group pays for pages of a file that it reads first, so its process gets a copy that nobody
// has in memory.
Status copy_uncached(const std::string& from, const std::string& to) {
  {
    std::ifstream in(from, std::ios::binary);
    std::ofstream out(to, std::ios::binary);
    out << in.rdbuf();
    if (!in.good() || !out.good()) return {StatusCode::Internal, concat("cannot copy ", from)};
  }
  const int file = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return {StatusCode::Internal, concat("cannot open ", to)};
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
  return {};
}

Result<ChildEnd> run_within(const Group& group, const PressureChild& child) {
  return run_self({"child-pressure", child.model, std::to_string(child.context),
                   std::to_string(child.turns), std::to_string(child.taken_bytes)},
                  [&] { return group.enter(); });
}

cli::Json lines_of(const std::string& output, Report& report) {
  cli::Json list = cli::Json::array();
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);) {
    report.line("  " + line);
    list.push(line);
  }
  return list;
}

Status run_case(double factor, double estimate, const PressureChild& child, Report& report) {
  const auto limit = static_cast<uint64_t>(factor * estimate);
  const Group group(limit);
  if (!group.made()) {
    report.line("skipped: no control group with a memory limit can be made here (needs root)");
    report.json().set("skipped", true);
    return {};
  }
  report.line(
      concat("limit ", fixed(mib(limit), 1), " MiB, ", fixed(factor, 1), " times the estimate"));
  PressureChild within = child;
  within.taken_bytes = static_cast<uint64_t>(kAppShare * static_cast<double>(limit));
  ETB_ASSIGN_OR_RETURN(const ChildEnd end, run_within(group, within));
  cli::Json json;
  json.set("limit_bytes", limit);
  json.set("lines", lines_of(end.output, report));
  json.set("exit_code", end.exit_code);
  json.set("signal", end.signal);
  json.set("peak_bytes", group.peak_bytes());
  json.set("kills", group.kills());
  report.line(concat("  exit ", end.exit_code, ", signal ", end.signal, ", the group's peak ",
                     fixed(mib(group.peak_bytes()), 1), " MiB, killed ", group.kills()));
  report.json().set(concat("at_", fixed(factor, 1)), json);
  return {};
}

// Memory of the app, written to.
void take(std::vector<std::string>& taken, uint64_t bytes) {
  taken.emplace_back(static_cast<size_t>(bytes), 'x');
}

}  // namespace

Status child_pressure(const PressureChild& child) {
  const auto say = [](const EngineEvent& event) {
    std::printf("event %s: %s\n", std::string(engine_event_name(event.kind)).c_str(),
                event.reason.c_str());
  };
  const Folder folder;
  ETB_ASSIGN_OR_RETURN(const Prose prose, Prose::open());
  ETB_ASSIGN_OR_RETURN(const auto engine,
                       Engine::load({.model = {.model = child.model, .context = child.context},
                                     .pool = {.folder = folder.path("parked")},
                                     .monitor = {.on_event = say}}));
  const auto chat = engine->new_session({.system = "You are a helpful assistant."});
  std::vector<std::string> taken;
  int answered = 0;
  int cut_short = 0;  // answers that the engine ended to unload
  for (int turn = 0; turn < child.turns; ++turn) {
    const auto from = static_cast<size_t>(turn) * 31;
    ETB_ASSIGN_OR_RETURN(const Answer answer,
                         ask(*chat, Prompt::user(prose.words(from, 30)), {.max_tokens = 48}));
    ++answered;
    cut_short += answer.finish_reason == FinishReason::Cancelled ? 1 : 0;
    if (turn % 4 == 3) {  // another conversation, whose prefix is worth keeping
      const auto other = engine->new_session({.system = prose.words(from + 7, 120)});
      ETB_RETURN_IF_ERROR(ask(*other, Prompt::user("Who?"), {.max_tokens = 16}).status());
    }
    const bool middle = turn > child.turns / 4 && turn <= child.turns / 4 + 10;
    if (middle) take(taken, child.taken_bytes / 10);
  }
  const SessionUse use = chat->use();
  std::printf("answered %d turns of %d, %d cut short; context %u of %u, %zu messages\n", answered,
              child.turns, cut_short, use.context, child.context, chat->messages().size());
  return {};
}

Status bench_pressure(const Options& options, Report& report) {
  const Folder folder;
  ETB_ASSIGN_OR_RETURN(const ChildEnd end,
                       run_self({"child-estimate", options.model, std::to_string(kContext)}));
  std::istringstream said(end.output);
  double estimate = 0;
  std::string path;
  if (end.exit_code != 0 || !(said >> estimate >> path)) {
    return {StatusCode::Internal, concat("the child said: ", end.output)};
  }
  report.line(
      concat("foretold for a context of ", kContext, ": ", fixed(estimate / (1 << 20), 1), " MiB"));
  PressureChild child{
      .model = folder.path("model.pte"), .context = kContext, .turns = options.turns};
  for (const double factor : {1.2, 0.8}) {
    ETB_RETURN_IF_ERROR(copy_uncached(path, child.model));
    ETB_RETURN_IF_ERROR(run_case(factor, estimate, child, report));
  }
  return {};
}

}  // namespace etb::bench
