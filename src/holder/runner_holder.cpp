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

Status no_memory(std::string_view doing) {
  return {StatusCode::OutOfMemory, concat("memory ran out while ", doing)};
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

// The chore is what the destructor asks for.
RunnerHolder::RunnerHolder(Options options)
    : options_(options),
      queue_(kQueueLabel, ThreadPriority::UserInitiated, [this] { drop_resident(); }) {}

RunnerHolder::~RunnerHolder() {
  {
    const std::lock_guard lock(mutex_);
    make_way_locked(WhileBusy::Cancel);
  }
  queue_.poke();
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

HolderState RunnerHolder::state() const {
  const std::lock_guard lock(mutex_);
  return status_.state;
}

void RunnerHolder::set_state(HolderState state) {
  const std::lock_guard lock(mutex_);
  status_.state = state;
}

// Before a model goes: what is computed ahead with it is of no use.
void RunnerHolder::make_way_locked(WhileBusy while_busy) {
  const auto cancel = [](const Places& places) {
    for (const auto& [id, weak] : places) {
      if (const auto token = weak.lock()) token->cancel();
    }
  };
  cancel(enlisted_);
  if (while_busy != WhileBusy::Cancel) return;
  cancel(admitted_);
  for (const auto& [key, pending] : pending_) {
    for (const auto& token : pending.loads) token->cancel();
  }
}

// True if somebody else's load of the same key will report, or it is resident: then call.done is
// still there.
bool RunnerHolder::join_locked(LoadCall& call) {
  if (wanted_key_ != call.key) return false;
  if (const auto pending = pending_.find(call.key); pending != pending_.end()) {
    if (call.done) pending->second.joined.push_back(std::move(call.done));
    call.done = nullptr;
    return true;
  }
  return status_.state == HolderState::Ready || status_.state == HolderState::Generating;
}

struct RunnerHolder::LoadJob {
  LoadCall call;
  Status no_memory;  // made beforehand: later there may be none for it
};

void RunnerHolder::post_load_locked(LoadCall call) {
  std::string wanted = call.key;
  Status beforehand = no_memory(concat("loading ", call.key));
  const auto job = std::make_shared<LoadJob>(LoadJob{std::move(call), std::move(beforehand)});
  auto& loads = pending_[wanted].loads;
  try {
    loads.push_back(job->call.cancel);
    queue_.post([this, job] { load_now(*job); });
  } catch (const std::bad_alloc&) {
    if (!loads.empty() && loads.back() == job->call.cancel) loads.pop_back();
    if (loads.empty()) pending_.erase(wanted);
    throw;
  }
  wanted_key_.swap(wanted);
}

Status RunnerHolder::try_load(LoadCall& call, bool& joined) {
  const std::lock_guard lock(mutex_);
  joined = join_locked(call);
  if (joined) return {};
  if (call.while_busy == WhileBusy::Refuse && (!admitted_.empty() || !pending_.empty())) {
    return busy(admitted_.size());
  }
  make_way_locked(call.while_busy);
  if (!call.cancel) call.cancel = std::make_shared<CancelToken>();
  post_load_locked(call);
  return {};
}

Status RunnerHolder::load(LoadCall call) {
  bool joined = false;
  try {
    ETB_RETURN_IF_ERROR(try_load(call, joined));
  } catch (const std::bad_alloc&) {
    return no_memory("a load was put into the queue");
  }
  if (joined && call.done) call.done({});
  return {};
}

// On the model thread.
void RunnerHolder::load_now(LoadJob& job) {
  const Status status = load_or_give_up(job);
  std::vector<std::function<void(const Status&)>> told;
  {
    const std::lock_guard lock(mutex_);
    const auto pending = pending_.find(job.call.key);
    // Those who joined are told by the last load of the key: an earlier one may be overtaken. The
    // loads of a key run in order; several may share a token.
    auto& loads = pending->second.loads;
    loads.erase(loads.begin());
    if (loads.empty()) {
      told = std::move(pending->second.joined);
      pending_.erase(pending);
    }
    if (!status.ok() && wanted_key_ == job.call.key) want_locked(status_.key);
  }
  if (job.call.done) job.call.done(status);
  for (const auto& done : told) done(status);
}

// What the queue leads to. Without memory for it: unknown, so that the next load is put into it.
void RunnerHolder::want_locked(const std::string& key) {
  try {
    wanted_key_ = key;
  } catch (const std::bad_alloc&) {
    wanted_key_.clear();
  }
}

Status RunnerHolder::load_or_give_up(LoadJob& job) {
  try {
    return replace_resident(job.call);
  } catch (const std::bad_alloc&) {
    return give_up_load(job);
  }
}

// Something threw: what the load had made goes. Allocates nothing.
Status RunnerHolder::give_up_load(LoadJob& job) {
  Status status = std::move(job.no_memory);
  if (state() != HolderState::Loading) return status;  // what was resident still is
  resident_.reset();
  const std::lock_guard lock(mutex_);
  public_part_ = nullptr;
  status_.state = HolderState::Failed;
  return status;
}

Result<Resident*> RunnerHolder::load_here(LoadCall call) {
  if (!call.cancel) call.cancel = std::make_shared<CancelToken>();
  const bool generating = state() == HolderState::Generating;
  Status beforehand = no_memory(concat("loading ", call.key));
  LoadJob job{std::move(call), std::move(beforehand)};
  const Status status = load_or_give_up(job);
  const std::lock_guard lock(mutex_);
  if (pending_.empty()) want_locked(status_.key);
  if (!status.ok()) return status;
  status_.state = generating ? HolderState::Generating : HolderState::Ready;
  return resident_.get();
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
    status_.key = call.key;
    status_.state = HolderState::Loading;
    status_.stage.clear();
    status_.done = status_.total = 0;
    // As long as nothing else is known: what give_up_load() leaves.
    status_.error = no_memory(concat("loading ", call.key));
  }
  const LoadProgress progress = [this](std::string_view stage, uint64_t done, uint64_t total) {
    const std::lock_guard lock(mutex_);
    status_.stage = stage;
    status_.done = done;
    status_.total = total;
  };
  auto loaded = call.loader(progress, *call.cancel);
  // A load that was cancelled too late to stop it is none either.
  if (loaded.ok() && cancelled()) {
    loaded = Status(StatusCode::Cancelled, concat("loading ", call.key, " was cancelled"));
  }
  Status status = loaded.status();
  if (loaded.ok()) resident_ = std::move(loaded).value();
  finish_load(status);
  return status;
}

void RunnerHolder::finish_load(const Status& status) {
  std::shared_ptr<const void> part = resident_ ? resident_->public_part() : nullptr;
  const std::lock_guard lock(mutex_);
  status_.error = status;
  if (status.ok()) {
    status_.state = HolderState::Ready;
    ++status_.generation;
    public_part_ = std::move(part);
    return;
  }
  // A cancelled load is what was asked for, no failure.
  const bool asked = status.code() == StatusCode::Cancelled;
  status_.state = asked ? HolderState::Empty : HolderState::Failed;
  if (asked) status_.key.clear();
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
  const bool wanted = key.empty() || key == wanted_key_;
  try {
    queue_.post([this, key = std::move(key), done = std::move(done)] {
      // status_.key changes on this thread alone.
      if (key.empty() || status_.key == key) drop_resident();
      if (done) done();
    });
  } catch (const std::bad_alloc&) {
    return no_memory("an unload was put into the queue");
  }
  make_way_locked(while_busy);
  if (wanted) wanted_key_.clear();
  return {};
}

Result<std::shared_ptr<RunnerHolder::Admission>> RunnerHolder::enter(
    Places& places, size_t most, const std::shared_ptr<CancelToken>& cancel) {
  try {
    // Outlives the lock: not let in it goes without it.
    const auto admission = std::make_shared<Admission>(*this);
    const std::lock_guard lock(mutex_);
    if (places.size() >= most) return busy(places.size());
    places.emplace(last_id_ + 1, cancel);
    admission->id_ = ++last_id_;
    return admission;
  } catch (const std::bad_alloc&) {
    return no_memory("a request was let in");
  }
}

Result<std::shared_ptr<RunnerHolder::Admission>> RunnerHolder::admit(
    BusyPolicy policy, const std::shared_ptr<CancelToken>& cancel) {
  return enter(admitted_, policy == BusyPolicy::Refuse ? 1 : options_.most_admitted, cancel);
}

Result<std::shared_ptr<RunnerHolder::Admission>> RunnerHolder::enlist(
    const std::shared_ptr<CancelToken>& cancel) {
  return enter(enlisted_, SIZE_MAX, cancel);
}

void RunnerHolder::leave(uint64_t id) {
  const std::lock_guard lock(mutex_);
  admitted_.erase(id);
  enlisted_.erase(id);
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
