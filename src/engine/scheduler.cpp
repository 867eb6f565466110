#include "engine/scheduler.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/text.h"
#include "engine/generation.h"
#include "engine/sequence_pool.h"
#include "platform/memory_info.h"
#include "runner/sampler.h"

namespace etb {
namespace {

using Phase = RequestState::Phase;
using holder::Resident;

constexpr const char* kWorkerLabel = "com.executorch.engine";
// Times a request may find its model gone after it was prepared: then others fight for the memory.
constexpr int kMostReloads = 4;

Status out_of_memory(std::string_view doing) {
  return {StatusCode::OutOfMemory,
          concat("memory ran out while ", doing,
                 ": close other sessions, or load the model with a shorter context")};
}

// The model that `work` was made for, if that is what is resident.
LoadedModel* same_model(Resident* resident, const std::shared_ptr<const ModelInfo>& wanted) {
  auto* const model = dynamic_cast<LoadedModel*>(resident);
  return model != nullptr && model->info() == wanted ? model : nullptr;
}

}  // namespace

Scheduler::Scheduler(holder::RunnerHolder& holder, ModelKeeper& models, const Clock& clock)
    : holder_(holder),
      models_(models),
      clock_(clock),
      last_use_ns_(clock.now_ns()),
      worker_(kWorkerLabel, ThreadPriority::UserInitiated) {}

Scheduler::~Scheduler() {
  for (const Session& session : sessions()) {
    cancel_all(session);
    wait_for(session);
  }
}

std::vector<Scheduler::Session> Scheduler::sessions() {
  const std::lock_guard lock(mutex_);
  std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
  std::vector<Session> live;
  for (const auto& weak : sessions_) {
    if (auto session = weak.lock()) live.push_back(std::move(session));
  }
  return live;
}

void Scheduler::remember(const Session& session) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : sessions_) {
    if (weak.lock() == session) return;
  }
  std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
  sessions_.push_back(session);
}

void Scheduler::set_context_limit(uint32_t positions) {
  context_limit_ = positions;
  if (positions == 0) return;
  // The one that runs ends by itself at its next token.
  soon([positions](LoadedModel& model, uint64_t running) {
    model.pool().drop_longer_than(positions, running);
  });
}

uint32_t Scheduler::context_limit(uint32_t context) const {
  const uint32_t limit = context_limit_;
  return limit == 0 ? context : std::min(limit, context);
}

Result<std::shared_ptr<RequestState>> Scheduler::submit(const Session& session, Prompt prompt,
                                                        GenerateOptions options) {
  if (const auto model = models_.current()) {
    ETB_RETURN_IF_ERROR(runner::Sampler::create(options.sampler, model->meta.vocab_size).status());
  }
  const auto request = std::make_shared<RequestState>();
  if (make_way(session, prompt.kind)) worker_.post([this] { sweep(); });
  if (prompt.kind == Prompt::Kind::Warm) {
    request->id = holder_.new_id();  // takes nobody's place
  } else {
    ETB_ASSIGN_OR_RETURN(request->admission, holder_.admit(options.busy, request->cancel));
    request->id = request->admission->id();
  }
  request->prompt = std::move(prompt);
  request->options = std::move(options);
  request->submitted_ns = clock_.now_ns();
  last_use_ns_ = request->submitted_ns;
  request->set_nudge([this] { worker_.post([this] { sweep(); }); });
  remember(session);
  const std::lock_guard lock(session->mutex);
  session->waiting.push_back(request);
  start_next_locked(session);
  return request;
}

// What was computed ahead gives way to what is asked for; what is typed now to what was before.
bool Scheduler::make_way(const Session& session, Prompt::Kind kind) {
  bool stopped = false;
  const auto stop_warming = [&stopped](const State& request) {
    if (!request || request->prompt.kind != Prompt::Kind::Warm) return;
    request->cancel->cancel();
    stopped = true;
  };
  for (const Session& other : sessions()) {
    if (kind == Prompt::Kind::Warm && other != session) continue;
    const std::lock_guard lock(other->mutex);
    stop_warming(other->active);
    for (const State& request : other->waiting) stop_warming(request);
  }
  return stopped;
}

void Scheduler::start_next_locked(const Session& session) {
  if (session->active || session->waiting.empty()) return;
  session->active = std::move(session->waiting.front());
  session->waiting.pop_front();
  worker_.post([this, session, request = session->active] { prepare(session, request, {}); });
}

// On the worker. A request that comes back from the model thread is still Running.
void Scheduler::prepare(const Session& session, const State& request, Work work) {
  request->move(Phase::Running, Phase::Waiting);
  const bool again = work.reloads > kMostReloads;
  auto made = [&]() -> Result<Work> {
    if (again) {
      return Status(StatusCode::Busy,
                    "the model is taken away again and again: too little memory "
                    "for all that wants to run");
    }
    try {
      return make_work(session, request, std::move(work));
    } catch (const std::bad_alloc&) {
      return out_of_memory("preparing the prompt");
    }
  }();
  const bool stopped = request->cancelled() || made.status().code() == StatusCode::Cancelled;
  if (!made.ok() || stopped) {
    if (!request->move(Phase::Waiting, Phase::Ended)) return;
    if (stopped) return end_cancelled(session, request);
    return end(session, request, nullptr, made.status());
  }
  holder_.submit([this, session, request, ready = std::move(made).value()](Resident* resident) {
    if (!request->move(Phase::Waiting, Phase::Running)) return;  // ended by the sweep: not ours
    if (LoadedModel* const model = same_model(resident, ready.model)) {
      return compute(session, request, ready, *model);
    }
    Work next;
    next.reloads = ready.reloads + 1;
    worker_.post([this, session, request, next] { prepare(session, request, next); });
  });
}

Result<Scheduler::Work> Scheduler::make_work(const Session& session, const State& request,
                                             Work work) {
  if (request->cancelled()) return Status(StatusCode::Cancelled, "cancelled while waiting");
  ETB_ASSIGN_OR_RETURN(work.model, models_.ensure(*request->cancel, [this] { sweep(); }));
  if (!work.chat) {  // else a summary has been made for it, which is in there
    const std::lock_guard lock(session->mutex);
    work.conversation = session->conversation;
    work.epoch = session->epoch;
  }
  switch (request->prompt.kind) {
    case Prompt::Kind::Ids:
      if (request->prompt.ids.empty()) {
        return Status(StatusCode::InvalidArgument, "the prompt is empty");
      }
      work.prompt.ids = request->prompt.ids;
      return work;
    case Prompt::Kind::Warm:
      return make_warm(request, session->options, std::move(work));
    default:
      return make_chat(request, session->options, std::move(work));
  }
}

Result<FormattedPrompt> Scheduler::format(const Work& work, const SessionOptions& options,
                                          const std::vector<prompt::Message>& messages) const {
  return encode_messages(work.model->bundle, messages, work.conversation.transcript,
                         options.now_seconds.value_or(clock_.wall_seconds()));
}

Result<Scheduler::Work> Scheduler::make_chat(const State& request, const SessionOptions& options,
                                             Work work) {
  const Prompt& asked = request->prompt;
  Conversation& conversation = work.conversation;
  if (!work.chat) {
    if (asked.kind == Prompt::Kind::User) {
      conversation.messages.push_back({.role = "user", .content = asked.text});
    } else if (asked.kind == Prompt::Kind::Regenerate) {
      ETB_RETURN_IF_ERROR(take_back_answer(conversation));
    } else if (asked.messages.empty()) {
      return Status(StatusCode::InvalidArgument, "the conversation is empty");
    } else {
      replace(conversation, asked.messages);
    }
    work.chat = true;
  }
  ContextBudget budget{.context_length = context_limit(work.model->meta.context)};
  if (request->options.max_tokens >= 0) {
    budget.max_output_tokens = static_cast<size_t>(request->options.max_tokens);
  }
  const FormatMessages formatter = [&](const std::vector<prompt::Message>& messages) {
    return format(work, options, messages);
  };
  work.summary.reset();
  ETB_ASSIGN_OR_RETURN(work.prompt,
                       formatted_prompt_with_history(conversation.messages, options.history, budget,
                                                     conversation.history, formatter));
  if (work.prompt.to_summarise.empty()) return work;
  HistoryState state = conversation.history;
  state.cut = work.prompt.cut;
  ETB_ASSIGN_OR_RETURN(work.summary, next_summary_request(conversation.messages, options.history,
                                                          budget, state, formatter));
  if (work.summary) conversation.history = state;
  return work;
}

// The ids that stay the same however the message goes on.
Result<Scheduler::Work> Scheduler::make_warm(const State& request, const SessionOptions& options,
                                             Work work) {
  const ContextBudget budget{.context_length = context_limit(work.model->meta.context)};
  const FormatMessages formatter = [&](const std::vector<prompt::Message>& messages) {
    return format(work, options, messages);
  };
  std::vector<prompt::Message>& messages = work.conversation.messages;
  messages.push_back({.role = "user", .content = request->prompt.text});
  ETB_ASSIGN_OR_RETURN(FormattedPrompt typed,
                       formatted_prompt_with_history(messages, options.history, budget,
                                                     work.conversation.history, formatter));
  work.conversation.history.cut = typed.cut;
  messages.back().content += " .";
  ETB_ASSIGN_OR_RETURN(const FormattedPrompt longer,
                       formatted_prompt_with_history(messages, options.history, budget,
                                                     work.conversation.history, formatter));
  const auto [end, unused] =
      std::mismatch(typed.ids.begin(), typed.ids.end(), longer.ids.begin(), longer.ids.end());
  typed.ids.erase(end, typed.ids.end());
  work.prompt = std::move(typed);
  return work;
}

// On the model thread; the request is Running, so nobody else ends it.
void Scheduler::compute(const Session& session, const State& request, Work work,
                        LoadedModel& model) {
  if (work.summary) {
    const Status status = summarise(session, request, work, model);
    if (status.ok()) {
      worker_.post([this, session, request, work] { prepare(session, request, work); });
      return;
    }
    request->move(Phase::Running, Phase::Ended);
    if (status.code() == StatusCode::Cancelled) return end_cancelled(session, request);
    return end(session, request, nullptr, status);
  }
  Outcome outcome = answer(session, request, work, model);
  if (session->closed) model.pool().erase(session->id);
  last_use_ns_ = clock_.now_ns();
  tasks_->look(model, 0);
  request->move(Phase::Running, Phase::Ended);
  end(session, request, &work, std::move(outcome));
}

Result<Answer> Scheduler::generate_on(LoadedModel& model, const Session& session,
                                      const State& request, const Work& work) {
  const bool summary = work.summary.has_value();
  const std::vector<TokenId>& prompt = summary ? work.summary->prompt.ids : work.prompt.ids;
  const uint32_t capacity = context_limit(work.model->meta.context);
  if (prompt.size() >= capacity) {
    return Status(StatusCode::ContextFull,
                  concat("the prompt has ", prompt.size(), " tokens, the context holds ", capacity,
                         " with the answer: shorten it, or ask for a longer context"));
  }
  GenerateOptions options;
  if (summary) options.max_tokens = static_cast<int>(work.summary->max_output_tokens);
  // What a cut of the history leaves behind is never asked for again; what an edit leaves may be.
  const bool keep = !summary && work.prompt.cut <= work.conversation.history.cut;
  ETB_ASSIGN_OR_RETURN(runner::Sequence * sequence, model.pool().place(session->id, prompt, keep));
  const GenerationInput input{
      .model = *work.model,
      .options = summary ? options : request->options,
      .prompt = prompt,
      .cancel = request->cancel.get(),
      .clock = clock_,
      .costs = model.pass_costs(),
      .start_ns = request->submitted_ns,
      .capacity = [this, model = work.model] { return context_limit(model->meta.context); },
      .between = [&] { tasks_->run(model, session->id); },
      .emit =
          [&](Event event) {
            if (!summary) request->events.push(std::move(event));
          }};
  if (request->prompt.kind == Prompt::Kind::Warm) {
    Answer nothing;
    nothing.prompt_tokens = prompt.size();
    nothing.cached_tokens = sequence->position();
    ETB_RETURN_IF_ERROR(warm(input, *sequence));
    if (request->cancelled()) nothing.finish_reason = FinishReason::Cancelled;
    return nothing;
  }
  ETB_ASSIGN_OR_RETURN(Answer answer, generate(input, *sequence));
  answer.kv_bytes = sequence->kv_usage().used_bytes;
  return answer;
}

Scheduler::Outcome Scheduler::answer(const Session& session, const State& request, const Work& work,
                                     LoadedModel& model) {
  const double queue_ms = elapsed_ms(request->submitted_ns, clock_.now_ns());
  try {
    request->events.push({.kind = EventKind::Started});
    if (work.chat && work.prompt.cut > work.conversation.history.cut) {
      request->events.push(
          {.kind = EventKind::Notice,
           .text = concat("the oldest ", work.prompt.dropped,
                          " messages no longer fit the context and were left out")});
    }
    ETB_ASSIGN_OR_RETURN(Answer answer, generate_on(model, session, request, work));
    answer.queue_ms = queue_ms;
    answer.dropped_messages = work.prompt.dropped;
    answer.summarised_messages = work.summarised;
    if (const auto memory = process_memory(); memory.ok()) {
      answer.footprint_bytes = memory->footprint_bytes;
    }
    return std::make_shared<Answer>(std::move(answer));
  } catch (const std::bad_alloc&) {
    return out_of_memory("answering");
  }
}

Status Scheduler::summarise(const Session& session, const State& request, Work& work,
                            LoadedModel& model) {
  try {
    ETB_ASSIGN_OR_RETURN(const Answer said, generate_on(model, session, request, work));
    if (said.finish_reason == FinishReason::Cancelled) {
      return {StatusCode::Cancelled, "cancelled while the old messages were summed up"};
    }
    HistoryState& history = work.conversation.history;
    const size_t before = history.summary.covers;
    history.summary = extended_summary(history.summary, *work.summary, said.text,
                                       said.finish_reason == FinishReason::Length);
    work.summarised += history.summary.covers - before;
    request->events.push({.kind = EventKind::Notice,
                          .text = concat("the oldest ", history.summary.covers,
                                         " messages were replaced by a summary of them")});
    return {};
  } catch (const std::bad_alloc&) {
    return out_of_memory("summing up old messages");
  }
}

void Scheduler::end_cancelled(const Session& session, const State& request) {
  auto answer = std::make_shared<Answer>();
  answer->finish_reason = FinishReason::Cancelled;
  end(session, request, nullptr, std::move(answer));
}

// The caller has moved the request to Ended. Commits first: whoever reads the terminal event finds
// the conversation as it says. `this` is not touched once the session's mutex is let go of: a
// destructor may be waiting for it.
void Scheduler::end(const Session& session, const State& request, const Work* work,
                    Outcome outcome) {
  request->set_nudge(nullptr);
  request->admission.reset();
  Event last{.kind = EventKind::Failed, .status = outcome.status()};
  {
    const std::lock_guard lock(session->mutex);
    const bool said = outcome.ok() && !(*outcome)->ids.empty();
    if (said && work != nullptr && work->chat && work->epoch == session->epoch) {
      session->conversation = work->conversation;
      add_answer(session->conversation, work->prompt, **outcome, work->model->tokenizer());
    }
    if (session->active == request) {
      session->active.reset();
      start_next_locked(session);
    } else {
      std::erase(session->waiting, request);
    }
    session->ended.notify_all();
  }
  if (outcome.ok()) last = {.kind = EventKind::Done, .answer = std::move(outcome).value()};
  request->events.push(std::move(last), true);
}

void Scheduler::cancel_all(const Session& session) {
  {
    const std::lock_guard lock(session->mutex);
    if (session->active) session->active->cancel->cancel();
    for (const State& request : session->waiting) request->cancel->cancel();
  }
  worker_.post([this] { sweep(); });
}

void Scheduler::wait_for(const Session& session) {
  std::unique_lock lock(session->mutex);
  session->ended.wait(lock, [&] { return !session->active && session->waiting.empty(); });
}

// On the worker: ends what was cancelled while it waits.
void Scheduler::sweep() {
  for (const Session& session : sessions()) {
    std::vector<State> cancelled;
    {
      const std::lock_guard lock(session->mutex);
      for (const State& request : session->waiting) {
        if (request->cancelled()) cancelled.push_back(request);
      }
      if (session->active && session->active->cancelled()) cancelled.push_back(session->active);
    }
    for (const State& request : cancelled) {
      if (request->move(Phase::Waiting, Phase::Ended)) end_cancelled(session, request);
    }
  }
}

}  // namespace etb
