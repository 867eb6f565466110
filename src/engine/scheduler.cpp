#include "engine/scheduler.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/common_prefix.h"
#include "base/text.h"
#include "engine/generation.h"
#include "engine/room_edge.h"
#include "engine/sequence_pool.h"
#include "platform/memory_info.h"
#include "runner/sampler.h"

namespace etb {
namespace {

using Phase = RequestState::Phase;
using holder::Resident;

constexpr const char* kWorkerLabel = "com.executorch.engine";
// Times a request may be prepared in vain: then others fight for the memory.
constexpr int kMostRounds = 4;

// Strong: an error leaves `conversation` as it was.
void add_said(Conversation& conversation, const FormattedPrompt& prompt, const Answer& answer,
              const ModelInfo& model) {
  Conversation next = conversation;
  add_answer(next, prompt, answer, model.tokenizer());
  std::swap(conversation, next);
}

// An answer that was stopped while the model still thought says nothing.
bool is_said(const Answer& answer) {
  const bool cut = answer.finish_reason == FinishReason::Cancelled;
  return !answer.ids.empty() && !(cut && answer.text.empty() && answer.tool_calls.empty());
}

}  // namespace

Scheduler::Scheduler(holder::RunnerHolder& holder, ModelKeeper& models, const Clock& clock)
    : holder_(holder),
      models_(models),
      clock_(clock),
      last_use_ns_(clock.now_ns()),
      worker_(kWorkerLabel, ThreadPriority::UserInitiated, [this] { sweep(); }) {}

Scheduler::~Scheduler() {
  for (size_t i = session_count(); i-- > 0;) {
    if (const Session session = session_at(i)) cancel_all(session);
  }
  for (size_t i = session_count(); i-- > 0;) {
    const Session session = session_at(i);
    if (!session) continue;
    std::unique_lock lock(session->mutex);
    session->ended.wait(lock, [&] { return !session->active && session->waiting.empty(); });
  }
}

size_t Scheduler::session_count() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

// Null if it is gone. Sessions only ever move to lower places, and new ones come last: whoever
// walks down from session_count() sees all that were there, without a copy.
Scheduler::Session Scheduler::session_at(size_t index) const {
  const std::lock_guard lock(mutex_);
  return index < sessions_.size() ? sessions_[index].lock() : nullptr;
}

void Scheduler::remember(const Session& session) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : sessions_) {
    if (weak.lock() == session) return;
  }
  std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
  sessions_.push_back(session);
}

void Scheduler::forget_future_use(int64_t now_ns) {
  int64_t seen = last_use_ns_;
  while (seen > now_ns && !last_use_ns_.compare_exchange_weak(seen, now_ns)) {
  }
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

Result<Scheduler::State> Scheduler::submit(const Session& session, Prompt prompt,
                                           GenerateOptions options) {
  return or_out_of_memory("a request was taken", [&] {
    return try_submit(session, std::move(prompt), std::move(options));
  });
}

Result<Scheduler::State> Scheduler::try_submit(const Session& session, Prompt prompt,
                                               GenerateOptions options) {
  if (const auto model = models_.current()) {
    ETB_RETURN_IF_ERROR(runner::Sampler::create(options.sampler, model->meta.vocab_size).status());
  }
  const auto request = std::make_shared<RequestState>();
  request->prompt = std::move(prompt);
  request->options = std::move(options);
  request->no_memory = out_of_memory("a request was answered");
  ETB_RETURN_IF_ERROR(take_place(*request));
  make_way(session, request->prompt.kind);
  request->submitted_ns = clock_.now_ns();
  last_use_ns_ = request->submitted_ns;
  request->set_nudge([this] { worker_.poke(); });
  remember(session);
  const std::lock_guard lock(session->mutex);
  session->waiting.push_back(request);
  if (start_next_locked(session) == nullptr) return request;
  session->active.reset();  // nothing ran, so it is this one
  return std::move(request->no_memory);
}

Status Scheduler::take_place(RequestState& request) {
  const bool ahead = request.prompt.kind == Prompt::Kind::Warm;
  auto place =
      ahead ? holder_.enlist(request.cancel) : holder_.admit(request.options.busy, request.cancel);
  if (!place.ok()) return place.status();
  request.admission = std::move(place).value();
  request.id = request.admission->id();
  return {};
}

// What was computed ahead gives way to what is asked for; what is typed now to what was before.
void Scheduler::make_way(const Session& session, Prompt::Kind kind) {
  bool stopped = false;
  const auto stop_warming = [&stopped](const State& request) {
    if (!request || request->prompt.kind != Prompt::Kind::Warm) return;
    request->cancel->cancel();
    stopped = true;
  };
  for (size_t i = session_count(); i-- > 0;) {
    const Session other = session_at(i);
    if (!other || (kind == Prompt::Kind::Warm && other != session)) continue;
    const std::lock_guard lock(other->mutex);
    stop_warming(other->active);
    for (const State& request : other->waiting) stop_warming(request);
  }
  if (stopped) worker_.poke();
}

// Returns the next request if it could not be started for want of memory: then it is Ended, and
// the caller tells it.
Scheduler::State Scheduler::start_next_locked(const Session& session) noexcept {
  if (session->active || session->waiting.empty()) return nullptr;
  session->active = std::move(session->waiting.front());
  session->waiting.pop_front();
  const State& request = session->active;
  try {
    worker_.post([this, session, request] {
      SharedWork work;
      try {
        work = std::make_shared<Work>();
      } catch (const std::bad_alloc&) {  // prepare() tells
      }
      prepare(session, request, work);
    });
  } catch (const std::bad_alloc&) {
    if (request->move(Phase::Waiting, Phase::Ended)) return request;
  }
  return nullptr;
}

// On the worker. `work` is null if there was no memory for it.
void Scheduler::prepare(const Session& session, const State& request, const SharedWork& work) {
  request->move(Phase::Running, Phase::Waiting);  // if it comes back from the model thread
  Status status;
  try {
    status = work ? make_work(session, request, *work) : std::move(request->no_memory);
    if (status.ok() && !request->cancelled()) {
      return holder_.submit([this, session, request, work](Resident* resident) {
        on_model(session, request, work, resident);
      });
    }
  } catch (const std::bad_alloc&) {
    status = std::move(request->no_memory);
  }
  if (!request->move(Phase::Waiting, Phase::Ended)) return;
  if (request->cancelled()) return end_cancelled(session, request);
  end(session, request, nullptr, {nullptr, std::move(status)});
}

// On the model thread.
void Scheduler::on_model(const Session& session, const State& request, const SharedWork& work,
                         Resident* resident) {
  if (!request->move(Phase::Waiting, Phase::Running)) return;  // ended by the sweep: not ours
  if (still_fits(*work, resident)) {
    return compute(session, request, work, static_cast<LoadedModel&>(*resident));
  }
  if (++work->rounds == 1) return prepare_again(session, request, work);
  // Others take the model away meanwhile: here nobody comes between.
  auto loaded = prepare_here(session, request, *work);
  if (loaded.ok()) return compute(session, request, work, static_cast<LoadedModel&>(**loaded));
  request->move(Phase::Running, Phase::Ended);
  if (request->cancelled()) return end_cancelled(session, request);
  end(session, request, nullptr, {nullptr, loaded.status()});
}

Result<Resident*> Scheduler::prepare_here(const Session& session, const State& request,
                                          Work& work) {
  try {
    ETB_ASSIGN_OR_RETURN(Resident* const resident, models_.load_here(request->cancel));
    ETB_RETURN_IF_ERROR(make_work(session, request, work));
    return resident;
  } catch (const std::bad_alloc&) {
    return std::move(request->no_memory);
  }
}

// The model that the work was made for is resident, with as much context as the prompt needs.
bool Scheduler::still_fits(const Work& work, const Resident* resident) const {
  const auto* const model = dynamic_cast<const LoadedModel*>(resident);
  if (model == nullptr || model->info() != work.model) return false;
  const uint32_t context = context_limit(work.model->meta.context);
  const auto& prompt = work.summary ? work.summary->prompt : work.prompt;
  return context >= work.context || prompt.ids.size() < context || !work.chat;
}

void Scheduler::prepare_again(const Session& session, const State& request,
                              const SharedWork& work) noexcept {
  try {
    worker_.post([this, session, request, work] { prepare(session, request, work); });
  } catch (const std::bad_alloc&) {
    if (!request->move(Phase::Running, Phase::Ended)) return;
    return end(session, request, nullptr, {nullptr, std::move(request->no_memory)});
  }
  // Now a cancel need not wait for the worker's turn. `this` may be gone already.
  request->move(Phase::Running, Phase::Waiting);
}

Status Scheduler::make_work(const Session& session, const State& request, Work& work) {
  if (request->cancelled()) return {StatusCode::Cancelled, "cancelled while waiting"};
  if (work.rounds > kMostRounds) {
    return {StatusCode::Busy,
            "the model is taken away again and again: too little memory for all that wants to run"};
  }
  ETB_ASSIGN_OR_RETURN(work.model, models_.ensure(*request->cancel, [this] { sweep(); }));
  work.context = context_limit(work.model->meta.context);
  if (!work.chat) {  // else a summary has been made for it, which is in there
    const std::lock_guard lock(session->mutex);
    work.conversation = session->conversation;
    work.epoch = session->epoch;
  }
  switch (request->prompt.kind) {
    case Prompt::Kind::Ids:
      work.prompt.ids = request->prompt.ids;
      break;
    case Prompt::Kind::Warm:
      return make_warm(request, session->options, work);
    default:
      ETB_RETURN_IF_ERROR(make_chat(request, session->options, work));
  }
  if (!work.prompt.ids.empty()) return {};
  return {StatusCode::InvalidArgument, "the prompt is empty: there is nothing to go on from"};
}

Result<FormattedPrompt> Scheduler::format(const Work& work, const SessionOptions& options,
                                          const std::vector<prompt::Message>& messages) const {
  const int64_t began = work.conversation.began.value_or(clock_.wall_seconds());
  return encode_messages(work.model->bundle, messages, work.conversation.transcript,
                         {.now_seconds = options.now_seconds.value_or(began),
                          .thinking = options.thinking,
                          .tools = options.tools});
}

Status Scheduler::make_chat(const State& request, const SessionOptions& options, Work& work) {
  const Prompt& asked = request->prompt;
  Conversation& conversation = work.conversation;
  if (!work.chat) {
    if (asked.kind == Prompt::Kind::User) {
      prompt::Message message{.role = "user", .content = asked.text};
      for (const auto& media : asked.media) message.media.push_back({.at = 0, .media = media});
      conversation.messages.push_back(std::move(message));
    } else if (asked.kind == Prompt::Kind::Regenerate) {
      ETB_RETURN_IF_ERROR(take_back_answer(conversation));
    } else if (asked.kind == Prompt::Kind::Results) {
      ETB_RETURN_IF_ERROR(add_results(asked.results, conversation.messages));
    } else if (asked.messages.empty()) {
      return {StatusCode::InvalidArgument, "the conversation is empty"};
    } else {
      replace(conversation, asked.messages);
    }
    if (!conversation.began) conversation.began = clock_.wall_seconds();
    work.chat = true;
  }
  ContextBudget budget{.context_length = work.context};
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
  if (work.prompt.to_summarise.empty()) return {};
  HistoryState state = conversation.history;
  state.cut = work.prompt.cut;
  ETB_ASSIGN_OR_RETURN(work.summary, next_summary_request(conversation.messages, options.history,
                                                          budget, state, formatter));
  if (work.summary) conversation.history = state;
  return {};
}

// The ids that stay the same however the message goes on.
Status Scheduler::make_warm(const State& request, const SessionOptions& options, Work& work) {
  const ContextBudget budget{.context_length = work.context};
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
  typed.ids.resize(common_prefix(typed.ids, longer.ids));
  work.prompt = std::move(typed);
  return {};
}

// On the model thread; the request is Running, so nobody else ends it.
void Scheduler::compute(const Session& session, const State& request, const SharedWork& work,
                        LoadedModel& model) {
  Outcome outcome;
  if (work->summary) {
    outcome.status = summarise(session, request, *work, model);
    tidy(*session, model);
    if (outcome.status.ok()) return prepare_again(session, request, work);
  } else {
    outcome = answer(session, request, *work, model);
    tidy(*session, model);
  }
  request->move(Phase::Running, Phase::Ended);
  if (outcome.status.code() == StatusCode::Cancelled) return end_cancelled(session, request);
  end(session, request, work.get(), std::move(outcome));
}

// What a request leaves behind in the pool: nothing of a session that is gone, and no more than
// the context that is left.
void Scheduler::tidy(const SessionCore& session, LoadedModel& model) noexcept {
  if (session.closed) model.pool().erase(session.id);
  if (const uint32_t limit = context_limit_; limit != 0) model.pool().drop_longer_than(limit, 0);
  last_use_ns_ = clock_.now_ns();
  tasks_->look(model, 0);
}

Result<Answer> Scheduler::generate_on(LoadedModel& model, const Session& session,
                                      const State& request, const Work& work) {
  const bool summary = work.summary.has_value();
  const std::vector<TokenId>& prompt = summary ? work.summary->prompt.ids : work.prompt.ids;
  const uint32_t capacity = context_limit(work.model->meta.context);
  if (prompt.empty()) return Answer();  // nothing that could be computed ahead
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
  const bool calls = work.chat && !summary && !session->options.tools.empty();
  std::optional<CallReader> reader;
  if (calls && work.model->bundle.calls != nullptr) {
    reader.emplace(*work.model->bundle.calls, work.conversation.messages, session->options.tools);
  }
  const GenerationInput input{
      .model = *work.model,
      .options = summary ? options : request->options,
      .prompt = prompt,
      .media = summary ? work.summary->prompt.media : work.prompt.media,
      .encoder = model.runner(),
      .prompt_text = summary ? work.summary->prompt.text : work.prompt.text,
      .calls = reader ? &*reader : nullptr,
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
    auto said = generate_on(model, session, request, work);
    if (!said.ok()) return {nullptr, said.status()};
    const auto answer = std::make_shared<Answer>(std::move(said).value());
    answer->queue_ms = queue_ms;
    answer->dropped_messages = work.prompt.dropped;
    answer->summarised_messages = work.summarised;
    if (const auto memory = process_memory(); memory.ok()) {
      answer->footprint_bytes = memory->footprint_bytes;
    }
    return {answer, {}};
  } catch (const std::bad_alloc&) {
    return {nullptr, std::move(request->no_memory)};
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
    return std::move(request->no_memory);
  }
}

void Scheduler::end_cancelled(const Session& session, const State& request) noexcept {
  Outcome outcome;
  try {
    outcome.answer = std::make_shared<Answer>();
    outcome.answer->finish_reason = FinishReason::Cancelled;
  } catch (const std::bad_alloc&) {
    outcome.status = std::move(request->no_memory);
  }
  end(session, request, nullptr, std::move(outcome));
}

// The caller has moved the request to Ended. Commits first: whoever reads the terminal event finds
// the conversation as it says. `this` is not touched once the session has no request and its mutex
// is let go of: a destructor may be waiting for that.
void Scheduler::end(const Session& session, State request, Work* work, Outcome outcome) noexcept {
  const bool said = outcome.answer && is_said(*outcome.answer);
  bool commits = said && work != nullptr && work->chat;
  try {
    if (commits) add_said(work->conversation, work->prompt, *outcome.answer, *work->model);
  } catch (const std::bad_alloc&) {
    commits = false;
    outcome = {nullptr, std::move(request->no_memory)};
  }
  while (request) {
    request->set_nudge(nullptr);
    request->admission.reset();
    State stuck;
    {
      const std::lock_guard lock(session->mutex);
      if (commits && work->epoch == session->epoch) {
        std::swap(session->conversation, work->conversation);
      }
      if (session->active == request) {
        session->active.reset();
        stuck = start_next_locked(session);
      } else {
        std::erase(session->waiting, request);
      }
      session->ended.notify_all();
    }
    Event last{.kind = outcome.answer ? EventKind::Done : EventKind::Failed};
    last.answer = std::move(outcome.answer);
    last.status = std::move(outcome.status);
    request->events.push_last(std::move(last));
    request = std::move(stuck);
    commits = false;
    if (request) outcome = {nullptr, std::move(request->no_memory)};
  }
}

void Scheduler::cancel_all_locked(SessionCore& session) noexcept {
  if (session.active) session.active->cancel->cancel();
  for (const State& request : session.waiting) request->cancel->cancel();
  worker_.poke();
}

void Scheduler::cancel_all(const Session& session) noexcept {
  const std::lock_guard lock(session->mutex);
  cancel_all_locked(*session);
}

// On the worker: ends what was cancelled while it waits.
void Scheduler::sweep() noexcept {
  const auto take = [](SessionCore& session) -> State {
    const auto over = [](const State& request) {
      return request && request->cancelled() && request->move(Phase::Waiting, Phase::Ended);
    };
    const std::lock_guard lock(session.mutex);
    if (over(session.active)) return session.active;
    const auto found = std::find_if(session.waiting.begin(), session.waiting.end(), over);
    return found == session.waiting.end() ? nullptr : *found;
  };
  for (size_t i = session_count(); i-- > 0;) {
    const Session session = session_at(i);
    while (const State request = session ? take(*session) : nullptr) {
      end_cancelled(session, request);
    }
  }
}

}  // namespace etb
