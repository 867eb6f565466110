// RunnerHolder: which model is resident, and the runner_queue - the one thread that makes, uses and
// destroys it. Thread-safe. Plugins use the shared instance; everything else is handed one.
//
// Loads, unloads and tasks run in the order in which they were asked for. Everything asynchronous
// here reports exactly once, also when the holder is destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "holder/serial_queue.h"
#include "runner/text_runner.h"

namespace etb::holder {

// A loaded model and what belongs to it alone: its runner, its sequences. Made, used and destroyed
// on the model thread.
class Resident {
 public:
  virtual ~Resident() = default;
  Resident(const Resident&) = delete;
  Resident& operator=(const Resident&) = delete;
  virtual runner::TextRunner& runner() = 0;
  // What any thread may look at as long as it likes: never the runner or its memory.
  virtual std::shared_ptr<const void> public_part() const { return nullptr; }
  // It is about to go: the last chance to put aside what may be wanted again.
  virtual void before_unload() {}

 protected:
  Resident() = default;
};

enum class HolderState {
  Empty,       // nothing is resident
  Loading,     // a load is running
  Ready,       // resident, idle
  Generating,  // resident, a task is running
  Failed,      // the last load failed, nothing is resident; `error` says why
};
std::string_view holder_state_name(HolderState state);  // "empty", "loading", ...

// A consistent copy.
struct HolderStatus {
  HolderState state = HolderState::Empty;
  std::string key;          // of what is resident or being loaded; of the failed load
  uint64_t generation = 0;  // counts what became resident: 1 for the first load
  std::string stage;        // while loading: "importing", ...; of `total`, `done` are done
  uint64_t done = 0, total = 0;
  Status error;
  size_t admitted = 0;  // requests that have a place: waiting, running, or about to be told
};

using LoadProgress = std::function<void(std::string_view stage, uint64_t done, uint64_t total)>;
using ResidentLoader = std::function<Result<std::unique_ptr<Resident>>(const LoadProgress& progress,
                                                                       const CancelToken& cancel)>;

// What a load or an unload does about requests that have a place and loads that wait.
enum class WhileBusy { Wait, Cancel, Refuse };

struct LoadCall {
  std::string key;  // equal keys: the same model with the same options
  // Runs before anything is given up; a refusal leaves what is resident as it was. May be empty.
  std::function<Status()> check;
  ResidentLoader loader;
  WhileBusy while_busy = WhileBusy::Wait;
  std::shared_ptr<CancelToken> cancel;  // null: the holder makes one
  // Once: on the model thread, or before load() returns if nothing had to be done. Must not throw.
  // May be empty.
  std::function<void(const Status&)> done;
};

enum class BusyPolicy {
  Queue,   // wait for one's turn; Busy once the queue is full
  Refuse,  // Busy if anything has a place
};

struct HolderOptions {
  size_t most_admitted = 64;
};

class RunnerHolder {
 public:
  using Options = HolderOptions;

  explicit RunnerHolder(Options options = {});
  // Cancels what runs and waits, and unloads. Not from the model thread.
  ~RunnerHolder();
  RunnerHolder(const RunnerHolder&) = delete;
  RunnerHolder& operator=(const RunnerHolder&) = delete;

  // The instance of plugins, which have no owner to hand them one. Made at the first call.
  static std::shared_ptr<RunnerHolder> shared();

  HolderStatus status() const;
  // The public part of what is resident under this key; null if that is not resident.
  std::shared_ptr<const void> public_part_of(std::string_view key) const;

  // Makes call.key resident; the model before it goes first. Free if it is resident already or
  // being loaded (then done() reports that load). Busy: WhileBusy::Refuse and something has a
  // place. After an error nothing is changed and done() is not called.
  Status load(LoadCall call);
  // Gives the model and its memory back; with a key, only if that model is resident then. done()
  // (may be empty) once, on the model thread. Busy as load().
  Status unload(WhileBusy while_busy, std::function<void()> done, std::string key = {});

  // Never gives a number twice: for requests and conversations.
  uint64_t new_id();
  // A place in the queue, given back when the last copy of the pointer goes, which must not outlive
  // the holder. `cancel` is what WhileBusy::Cancel cancels. Has a number of its own.
  class Admission;
  Result<std::shared_ptr<Admission>> admit(BusyPolicy policy,
                                           const std::shared_ptr<CancelToken>& cancel);
  // The same without a place: always let in, in nobody's way, and cancelled whenever a model goes.
  // For what is computed ahead.
  Result<std::shared_ptr<Admission>> enlist(const std::shared_ptr<CancelToken>& cancel);

  // Runs `task` on the model thread with what is resident then: null if nothing is.
  using Task = std::function<void(Resident*)>;
  // All throw bad_alloc if there is no memory to queue the task, which then never runs. A task must
  // not throw.
  void submit(Task task);      // as Generating
  void post(Task task);        // housekeeping: no state of its own
  void run(const Task& task);  // post, and wait for it; at once on the model thread
  bool on_model_thread() const { return queue_.on_worker(); }

  // For a task: makes call.key resident here and now, so that nobody comes between the load and
  // what needs it. call.done is not called. The resident that the task was given is gone then.
  Result<Resident*> load_here(LoadCall call);

 private:
  using Places = std::unordered_map<uint64_t, std::weak_ptr<CancelToken>>;

  Status try_load(LoadCall& call, bool& joined);
  bool join_locked(LoadCall& call);
  struct LoadJob;
  void post_load_locked(LoadCall call);
  void load_now(LoadJob& job);
  Status replace_resident(const LoadCall& call);
  void want_locked(const std::string& key);
  Status load_or_give_up(LoadJob& job);
  Status give_up_load(LoadJob& job);
  void finish_load(const Status& status);
  void drop_resident();
  void make_way_locked(WhileBusy while_busy);
  Result<std::shared_ptr<Admission>> enter(Places& places, size_t most,
                                           const std::shared_ptr<CancelToken>& cancel);
  void leave(uint64_t id);
  HolderState state() const;
  void set_state(HolderState state);

  const Options options_;
  mutable std::mutex mutex_;
  HolderStatus status_;  // under mutex_, as all down to resident_
  uint64_t last_id_ = 0;
  Places admitted_;
  Places enlisted_;
  struct Pending {
    std::vector<std::shared_ptr<CancelToken>> loads;  // asked for and not finished, in order
    std::vector<std::function<void(const Status&)>> joined;
  };
  std::unordered_map<std::string, Pending> pending_;
  std::string wanted_key_;                   // what the last load or unload in the queue leads to
  std::shared_ptr<const void> public_part_;  // of resident_
  std::unique_ptr<Resident> resident_;       // model thread only
  SerialQueue queue_;                        // last: its jobs use all else
};

class RunnerHolder::Admission {
 public:
  explicit Admission(RunnerHolder& holder) : holder_(holder) {}
  ~Admission() { holder_.leave(id_); }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  uint64_t id() const { return id_; }

 private:
  friend class RunnerHolder;
  RunnerHolder& holder_;
  uint64_t id_ = 0;  // 0: not let in
};

}  // namespace etb::holder
