// Scheduler: takes requests from a session to their end. submit() copies and returns; the engine's
// worker renders and tokenizes; the holder's model thread computes. One session's requests run one
// after the other, those of several sessions in the order in which they are ready.
//
//   submit -> [session: waiting -> active] -> prepare (worker) -> compute (model thread) -> end
//
// Whoever moves a request's phase to Ended gives it its one terminal event and starts the next one
// of its session. A request that is cancelled while it waits is ended by the worker (sweep), so
// that it never has to wait for the one that runs.
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
  // Cancels every request and waits until each has ended.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // InvalidArgument: options that cannot be; nothing happens. Busy: no place in the queue.
  Result<std::shared_ptr<RequestState>> submit(const std::shared_ptr<SessionCore>& session,
                                               Prompt prompt, GenerateOptions options);
  // Cancels all of a session's requests. Their terminal events follow.
  void cancel_all(const std::shared_ptr<SessionCore>& session);
  // Waits until none of its requests is left.
  void wait_for(const std::shared_ptr<SessionCore>& session);

  // Positions a conversation may use; 0: as many as the model has. Lowered when memory is short:
  // takes effect at the next token, what lies beyond is given back.
  void set_context_limit(uint32_t positions);
  uint32_t context_limit(uint32_t context) const;

  void soon(ModelTasks::Task task) { tasks_->soon(holder_, std::move(task)); }
  ModelUse use() const { return tasks_->use(); }
  int64_t last_use_ns() const { return last_use_ns_; }  // of the model, by a request

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
    int reloads = 0;
  };
  // Of a computation: an answer, or why there is none.
  using Outcome = Result<std::shared_ptr<Answer>>;

  void start_next_locked(const Session& session);
  void prepare(const Session& session, const State& request, Work work);
  Result<Work> make_work(const Session& session, const State& request, Work work);
  Result<Work> make_chat(const State& request, const SessionOptions& options, Work work);
  Result<Work> make_warm(const State& request, const SessionOptions& options, Work work);
  Result<FormattedPrompt> format(const Work& work, const SessionOptions& options,
                                 const std::vector<prompt::Message>& messages) const;
  void compute(const Session& session, const State& request, Work work, LoadedModel& model);
  Outcome answer(const Session& session, const State& request, const Work& work,
                 LoadedModel& model);
  Result<Answer> generate_on(LoadedModel& model, const Session& session, const State& request,
                             const Work& work);
  Status summarise(const Session& session, const State& request, Work& work, LoadedModel& model);
  void end(const Session& session, const State& request, const Work* work, Outcome outcome);
  void end_cancelled(const Session& session, const State& request);
  void sweep();
  std::vector<Session> sessions();
  void remember(const Session& session);
  bool make_way(const Session& session, Prompt::Kind kind);

  holder::RunnerHolder& holder_;
  ModelKeeper& models_;
  const Clock& clock_;
  std::atomic<uint32_t> context_limit_{0};
  std::atomic<int64_t> last_use_ns_;
  const std::shared_ptr<ModelTasks> tasks_ = std::make_shared<ModelTasks>();
  std::mutex mutex_;
  std::vector<std::weak_ptr<SessionCore>> sessions_;  // that have had requests; under mutex_
  holder::SerialQueue worker_;                        // last: its jobs use all else
};

}  // namespace etb
