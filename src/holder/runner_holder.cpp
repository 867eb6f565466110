#include "holder/runner_holder.h"

#include <new>
#include <utility>

#include "base/text.h"
#include "platform/free_memory.h"

namespace etb::holder {
namespace {

constexpr const char* kQueueLabel = "com.executorch.runner";

Status busy(size_t admitted) {
  return {StatusCode::Busy, concat("the model is busy: ", admitted,
                                   " requests wait or run; wait for one to end, or cancel it")};
}

Result<std::unique_ptr<Resident>> call_loader(const LoadCall& call, const LoadProgress& progress,
                                              const CancelToken& cancel) {
  try {
    return call.loader(progress, cancel);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::OutOfMemory, concat(call.key, ": memory ran out while loading"));
  }
}

}  // namespace

std::string_view holder_state_name(HolderState state) {
  switch (state) {
    case HolderState::Empty:
      return "empty";
    case HolderState::Loading:
      return "loading";
    case HolderState::Ready:
      return "ready";
    case HolderState::Generating:
      return "generating";
    case HolderState::Failed:
      return "failed";
  }
  return "unknown";
}

RunnerHolder::RunnerHolder(Options options)
    : options_(options), queue_(kQueueLabel, ThreadPriority::UserInitiated) {}

RunnerHolder::~RunnerHolder() {
  static_cast<void>(unload(WhileBusy::Cancel, nullptr));
}

std::shared_ptr<RunnerHolder> RunnerHolder::shared() {
  static const std::shared_ptr<RunnerHolder> instance = std::make_shared<RunnerHolder>();
  return instance;
}

HolderStatus RunnerHolder::status() const {
  const std::lock_guard lock(mutex_);
  HolderStatus copy = status_;
  copy.admitted = admitted_.size();
  return copy;
}

std::shared_ptr<const void> RunnerHolder::public_part_of(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  return status_.key == key ? public_part_ : nullptr;
}

uint64_t RunnerHolder::new_id() {
  const std::lock_guard lock(mutex_);
  return ++last_id_;
}

void RunnerHolder::set_state(HolderState state) {
  const std::lock_guard lock(mutex_);
  status_.state = state;
}

void RunnerHolder::cancel_all_locked() {
  for (const auto& [id, weak] : admitted_) {
    if (const auto token = weak.lock()) token->cancel();
  }
  for (const auto& [key, pending] : pending_) {
    for (const auto& token : pending.loads) token->cancel();
  }
}

// Ok with `joined`: somebody else's load of the same key will report, or it is resident.
Status RunnerHolder::start_load_locked(LoadCall& call, bool& joined) {
  if (wanted_key_ == call.key) {
    if (const auto pending = pending_.find(call.key); pending != pending_.end()) {
      if (call.done) pending->second.joined.push_back(std::move(call.done));
      call.done = nullptr;
      joined = true;
      return {};
    }
    if (status_.state == HolderState::Ready || status_.state == HolderState::Generating) {
      joined = true;
      return {};
    }
  }
  if (call.while_busy == WhileBusy::Refuse && (!admitted_.empty() || !pending_.empty())) {
    return busy(admitted_.size());
  }
  if (call.while_busy == WhileBusy::Cancel) cancel_all_locked();
  wanted_key_ = call.key;
  if (!call.cancel) call.cancel = std::make_shared<CancelToken>();
  pending_[call.key].loads.push_back(call.cancel);
  return {};
}

Status RunnerHolder::load(LoadCall call) {
  bool joined = false;
  {
    const std::lock_guard lock(mutex_);
    ETB_RETURN_IF_ERROR(start_load_locked(call, joined));
    if (!joined) queue_.post([this, call] { load_now(call); });
  }
  if (joined && call.done) call.done({});
  return {};
}

// On the model thread.
void RunnerHolder::load_now(const LoadCall& call) {
  const Status status = replace_resident(call);
  std::vector<std::function<void(const Status&)>> told;
  {
    const std::lock_guard lock(mutex_);
    const auto pending = pending_.find(call.key);
    // Those who joined are told by the last load of the key: an earlier one may be overtaken.
    std::erase(pending->second.loads, call.cancel);
    if (pending->second.loads.empty()) {
      told = std::move(pending->second.joined);
      pending_.erase(pending);
    }
    if (!status.ok() && wanted_key_ == call.key) wanted_key_ = status_.key;
  }
  if (call.done) call.done(status);
  for (const auto& done : told) done(status);
}

Status RunnerHolder::replace_resident(const LoadCall& call) {
  const auto cancelled = [&call] { return call.cancel->cancelled(); };
  if (cancelled()) return {StatusCode::Cancelled, concat("loading ", call.key, " was cancelled")};
  {
    const std::lock_guard lock(mutex_);
    if (resident_ && status_.key == call.key) return {};
  }
  if (call.check) ETB_RETURN_IF_ERROR(call.check());
  drop_resident();
  {
    const std::lock_guard lock(mutex_);
    status_.state = HolderState::Loading;
    status_.key = call.key;
    status_.stage.clear();
    status_.done = status_.total = 0;
    status_.error = {};
  }
  const LoadProgress progress = [this](std::string_view stage, uint64_t done, uint64_t total) {
    const std::lock_guard lock(mutex_);
    status_.stage = stage;
    status_.done = done;
    status_.total = total;
  };
  auto loaded = call_loader(call, progress, *call.cancel);
  // A load that was cancelled too late to stop it is none either.
  if (loaded.ok() && cancelled()) {
    loaded = Status(StatusCode::Cancelled, concat("loading ", call.key, " was cancelled"));
  }
  if (loaded.ok()) resident_ = std::move(loaded).value();
  finish_load(call.key, loaded.status());
  return loaded.status();
}

void RunnerHolder::finish_load(const std::string& key, const Status& status) {
  const std::lock_guard lock(mutex_);
  status_.error = status;
  if (status.ok()) {
    status_.state = HolderState::Ready;
    ++status_.generation;
    public_part_ = resident_->public_part();
    return;
  }
  // A cancelled load is what was asked for, no failure.
  const bool asked = status.code() == StatusCode::Cancelled;
  status_.state = asked ? HolderState::Empty : HolderState::Failed;
  status_.key = asked ? std::string() : key;
}

void RunnerHolder::drop_resident() {
  std::shared_ptr<const void> last_part;  // goes last, without the lock
  {
    const std::lock_guard lock(mutex_);
    last_part = std::move(public_part_);
    public_part_ = nullptr;
  }
  if (resident_) {
    resident_->before_unload();
    resident_.reset();
    last_part.reset();
    static_cast<void>(give_back_free_memory());
  }
  const std::lock_guard lock(mutex_);
  status_.state = HolderState::Empty;
  status_.key.clear();
  status_.error = {};
}

Status RunnerHolder::unload(WhileBusy while_busy, std::function<void()> done, std::string key) {
  const std::lock_guard lock(mutex_);
  if (while_busy == WhileBusy::Refuse && (!admitted_.empty() || !pending_.empty())) {
    return busy(admitted_.size());
  }
  if (while_busy == WhileBusy::Cancel) cancel_all_locked();
  if (key.empty() || key == wanted_key_) wanted_key_.clear();
  queue_.post([this, key = std::move(key), done = std::move(done)] {
    if (key.empty() || status().key == key) drop_resident();
    if (done) done();
  });
  return {};
}

Result<std::shared_ptr<RunnerHolder::Admission>> RunnerHolder::admit(
    BusyPolicy policy, std::shared_ptr<CancelToken> cancel) {
  const std::lock_guard lock(mutex_);
  const size_t most = policy == BusyPolicy::Refuse ? 1 : options_.most_admitted;
  if (admitted_.size() >= most) return busy(admitted_.size());
  const uint64_t id = ++last_id_;
  admitted_.emplace(id, cancel);
  return std::make_shared<Admission>(*this, id);
}

void RunnerHolder::leave(uint64_t id) {
  const std::lock_guard lock(mutex_);
  admitted_.erase(id);
}

void RunnerHolder::submit(Task task) {
  queue_.post([this, task = std::move(task)] {
    if (resident_) set_state(HolderState::Generating);
    task(resident_.get());
    if (resident_) set_state(HolderState::Ready);
  });
}

void RunnerHolder::post(Task task) {
  queue_.post([this, task = std::move(task)] { task(resident_.get()); });
}

void RunnerHolder::run(const Task& task) {
  queue_.run([this, &task] { task(resident_.get()); });
}

}  // namespace etb::holder
