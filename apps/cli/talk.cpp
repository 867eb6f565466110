#include "talk.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "engine/doctor.h"
#include "interrupt.h"
#include "setup.h"
#include "terminal.h"

namespace etb::cli {
namespace {

namespace fs = std::filesystem;

// What a conversation computed and edits left behind, at most; on disk, beside 32 MiB in memory.
constexpr uint64_t kPrefixDiskBytes = uint64_t{128} << 20;
constexpr std::string_view kParked = "parked-";

// The request that a Ctrl-C stops.
class CurrentRequest {
 public:
  explicit CurrentRequest(Request& request) { InterruptScope::set_token(&request.cancel_token()); }
  ~CurrentRequest() { InterruptScope::set_token(nullptr); }
  CurrentRequest(const CurrentRequest&) = delete;
  CurrentRequest& operator=(const CurrentRequest&) = delete;
};

// "parked-123" of a process 123 that is no more.
bool is_left_behind(const std::string& name) {
  if (!name.starts_with(kParked)) return false;
  pid_t process = 0;
  const char* const end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + kParked.size(), end, process);
  if (error != std::errc() || rest != end || process <= 0) return false;
  return process == getpid() || (kill(process, 0) != 0 && errno == ESRCH);
}

void sweep(const fs::path& cache) {
  std::error_code failed;  // what cannot be removed does no harm
  std::vector<fs::path> dead;
  for (fs::directory_iterator entry(cache, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (is_left_behind(entry->path().filename().string())) dead.push_back(entry->path());
  }
  for (const fs::path& folder : dead) fs::remove_all(folder, failed);
}

}  // namespace

EngineEventSink EngineNotes::sink() {
  return [waiting = waiting_](const EngineEvent& event) {
    const std::lock_guard lock(waiting->mutex);
    waiting->texts.push_back(event.reason);
  };
}

void EngineNotes::show() {
  std::vector<std::string> texts;
  {
    const std::lock_guard lock(waiting_->mutex);
    texts.swap(waiting_->texts);
  }
  for (const std::string& text : texts) note(text);
}

Result<std::shared_ptr<Engine>> load_engine(const TalkArgs& args, const EngineSetup& setup) {
  EngineOptions options{.model = model_options(args.model, args.common),
                        .progress = progress_bar(),
                        .cancel = setup.cancel};
  options.model.chat_template = args.chat_template;
  options.monitor.on_event = setup.on_event;
  options.pool.folder = setup.folder;
  if (!setup.folder.empty()) options.pool.prefix_disk_bytes = kPrefixDiskBytes;
  return Engine::load(options);
}

Result<Answer> follow(Request& request, const TextSink& show, const CancelToken* earlier) {
  const CurrentRequest current(request);
  Thoughts thoughts;
  if (earlier != nullptr && earlier->cancelled()) request.cancel();
  while (!request.over()) {
    const auto event = request.next(std::chrono::seconds(1));
    if (!event) continue;
    if (event->kind == EventKind::Reasoning && show) thoughts.show(event->text);
    if (event->kind == EventKind::Text && show) {
      thoughts.end();
      show(event->text);
    }
    if (event->kind == EventKind::ToolCall && show) {
      thoughts.end();
      note(concat(event->call.id, " calls ", event->call.name, "(", event->call.arguments, ")"));
    }
    if (event->kind == EventKind::Notice) note(event->text);
    if (event->kind == EventKind::Done) return *event->answer;
    if (event->kind == EventKind::Failed) return event->status;
  }
  return Status(StatusCode::Internal, "the request ended without saying how");
}

ParkedFolder::ParkedFolder() {
  const std::string cache = etb::doctor().cache_folder;
  if (cache.empty()) return;
  sweep(cache);
  const fs::path folder = fs::path(cache) / concat(kParked, getpid());
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (!failed) fs::permissions(folder, fs::perms::owner_all, failed);
  if (!failed) path_ = folder.string();
}

ParkedFolder::~ParkedFolder() {
  std::error_code failed;  // the next process tries again
  if (!path_.empty()) fs::remove_all(path_, failed);
}

}  // namespace etb::cli
