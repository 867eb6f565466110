// Scheduler: takes requests from a session to their end. submit() copies and returns; the engine's
// worker renders and tokenizes; the holder's model thread computes. One session's requests run one
// after the other, those of several sessions in the order in which they are ready.
//
//   submit -> [session: waiting -> active] -> prepare (worker) -> compute (model thread) -> end
//
// Whoever moves a request's phase to Ended gives it its one terminal event and starts the next one
// of its session. A request that is cancelled while it waits is ended by the worker (sweep), so
// that it never has to wait for the one that runs.
//
// Where memory runs out (bad_alloc) the request that needed it ends with OutOfMemory; ending one
// takes none.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/history_summary.h"
#include "engine/loaded_model.h"
#include "engine/model_keeper.h"
#include "engine/model_tasks.h"
#include "engine/session_core.h"
#include "holder/runner_holder.h"
#include "holder/serial_queue.h"

namespace etb {

class Scheduler {
 public:
  Scheduler(holder::RunnerHolder& holder, ModelKeeper& models, const Clock& clock);
  // Cancels every request and waits until each has ended (100 ms).
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // InvalidArgument: options that cannot be; nothing happens. Busy: no place in the queue.
  Result<std::shared_ptr<RequestState>> submit(const std::shared_ptr<SessionCore>& session,
                                               Prompt prompt, GenerateOptions options);
  // Cancels all of a session's requests. Their terminal events follow.
  void cancel_all(const std::shared_ptr<SessionCore>& session) noexcept;
  // The same for a caller that holds the session's mutex.
  void cancel_all_locked(SessionCore& session) noexcept;

  // Positions a conversation may use; 0: as many as the model has. Lowered when memory is short:
  // takes effect at the next token, what lies beyond is given back.
  void set_context_limit(uint32_t positions);
  uint32_t context_limit(uint32_t context) const;

  void soon(ModelTasks::Task task) { tasks_->soon(holder_, std::move(task)); }
  void look_soon() { tasks_->look_soon(holder_); }
  ModelUse use() const { return tasks_->use(); }        // as of the last look
  int64_t last_use_ns() const { return last_use_ns_; }  // of the model, by a request
  // For a clock that jumped back: what lies in its future counts as now.
  void forget_future_use(int64_t now_ns);

 private:
  using Session = std::shared_ptr<SessionCore>;
  using State = std::shared_ptr<RequestState>;
  // What the worker made of a request for the model thread.
  struct Work {
    std::shared_ptr<const ModelInfo> model;
    FormattedPrompt prompt;
    // The conversation as it was read, with what the request adds: what will be committed.
    Conversation conversation;
    uint64_t epoch = 0;
    bool chat = false;                      // the answer goes into the conversation
    std::optional<SummaryRequest> summary;  // to be answered before the request itself
    size_t summarised = 0;                  // messages that summaries of this request cover
    uint32_t context = 0;                   // positions that the prompt was made for
    int rounds = 0;                         // that were in vain: the model or its context changed
  };
  using SharedWork = std::shared_ptr<Work>;
  // Of a computation: an answer, or (null) why there is none.
  struct Outcome {
    std::shared_ptr<Answer> answer;
    Status status;
  };

  Result<State> try_submit(const Session& session, Prompt prompt, GenerateOptions options);
  Status take_place(RequestState& request);
  State start_next_locked(const Session& session) noexcept;
  void prepare(const Session& session, const State& request, const SharedWork& work);
  Status make_work(const Session& session, const State& request, Work& work);
  Status make_chat(const State& request, const SessionOptions& options, Work& work);
  Status make_warm(const State& request, const SessionOptions& options, Work& work);
  Result<FormattedPrompt> format(const Work& work, const SessionOptions& options,
                                 const std::vector<prompt::Message>& messages) const;
  void on_model(const Session& session, const State& request, const SharedWork& work,
                holder::Resident* resident);
  bool still_fits(const Work& work, const holder::Resident* resident) const;
  Result<holder::Resident*> prepare_here(const Session& session, const State& request, Work& work);
  void prepare_again(const Session& session, const State& request, const SharedWork& work) noexcept;
  void compute(const Session& session, const State& request, const SharedWork& work,
               LoadedModel& model);
  void tidy(const SessionCore& session, LoadedModel& model) noexcept;
  Outcome answer(const Session& session, const State& request, const Work& work,
                 LoadedModel& model);
  Result<Answer> generate_on(LoadedModel& model, const Session& session, const State& request,
                             const Work& work);
  Status summarise(const Session& session, const State& request, Work& work, LoadedModel& model);
  void end(const Session& session, State request, Work* work, Outcome outcome) noexcept;
  void end_cancelled(const Session& session, const State& request) noexcept;
  void sweep() noexcept;
  size_t session_count() const;
  Session session_at(size_t index) const;
  void remember(const Session& session);
  void make_way(const Session& session, Prompt::Kind kind);

  holder::RunnerHolder& holder_;
  ModelKeeper& models_;
  const Clock& clock_;
  std::atomic<uint32_t> context_limit_{0};
  std::atomic<int64_t> last_use_ns_;
  const std::shared_ptr<ModelTasks> tasks_ = std::make_shared<ModelTasks>();
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<SessionCore>> sessions_;  // that have had requests; under mutex_
  holder::SerialQueue worker_;  // last: its jobs use all else; its chore is sweep()
};

}  // namespace etb
