#include "engine/engine.h"

#include <chrono>
#include <future>
#include <utility>

#include "base/text.h"
#include "engine/conversation_codec.h"
#include "engine/room_edge.h"
#include "engine/sequence_pool.h"
#include "kv/session_file.h"

namespace etb {
namespace {

constexpr std::chrono::milliseconds kPoll{5};

std::shared_ptr<holder::RunnerHolder> own_or_given(const EngineOptions& options) {
  return options.holder ? options.holder : std::make_shared<holder::RunnerHolder>();
}

MonitorOptions monitor_options(const EngineOptions& options) {
  MonitorOptions monitor = options.monitor;
  monitor.memory = options.model.memory;
  return monitor;
}

// Ids from outside: what is spliced into prompts must be in the vocabulary.
Status check_transcript(const Transcript& transcript, uint32_t vocab) {
  for (const TokenId id : transcript.ids) {
    if (id < vocab || is_media_id(id)) continue;
    return {StatusCode::Corrupt, concat("the conversation has token ", id, ", the model only ",
                                        vocab, ": the file is damaged")};
  }
  return {};
}

}  // namespace

Engine::Engine(const EngineOptions& options)
    : holder_(own_or_given(options)),
      models_(*holder_, options.loader, options.pool, *options.clock),
      scheduler_(*holder_, models_, *options.clock),
      monitor_(*holder_, models_, scheduler_, monitor_options(options), *options.clock) {}

Engine::~Engine() = default;

std::shared_ptr<Engine> Engine::create(const EngineOptions& options) {
  return std::shared_ptr<Engine>(new Engine(options));
}

Result<std::shared_ptr<Engine>> Engine::load(const EngineOptions& options) {
  return or_out_of_memory("a model was loaded", [&]() -> Result<std::shared_ptr<Engine>> {
    std::shared_ptr<Engine> engine = create(options);
    ETB_RETURN_IF_ERROR(engine->load_and_wait(options));
    return engine;
  });
}

Status Engine::load_and_wait(const EngineOptions& options) {
  const auto outcome = std::make_shared<LoadOutcome>();
  const auto over = outcome->over.get_future();
  const auto token = std::make_shared<CancelToken>();
  ETB_RETURN_IF_ERROR(
      load_model({.model = options.model,
                  .progress = options.progress,
                  .cancel = token,
                  .done = [outcome](const Status& status) { outcome->tell(status); }}));
  while (over.wait_for(kPoll) != std::future_status::ready) {
    if (options.cancel != nullptr && options.cancel->cancelled()) token->cancel();
  }
  return outcome->status;
}

Status Engine::load_model(ModelKeeper::Call call) {
  return or_out_of_memory("a load was asked for", [&] { return models_.load(std::move(call)); });
}

Status Engine::unload(holder::WhileBusy while_busy, std::function<void()> done) {
  return or_out_of_memory("an unload was asked for",
                          [&] { return models_.unload(while_busy, std::move(done)); });
}

std::unique_ptr<Session> Engine::new_session(SessionOptions options) {
  auto core = std::make_shared<SessionCore>(holder_->new_id(), std::move(options));
  core->conversation.system = core->options.system;
  clear(core->conversation);
  return std::make_unique<Session>(shared_from_this(), std::move(core));
}

Status Engine::with_model(const std::function<Status(LoadedModel&)>& work) {
  return or_out_of_memory("the model thread was asked for something",
                          [&] { return on_model_thread(work); });
}

Status Engine::on_model_thread(const std::function<Status(LoadedModel&)>& work) {
  Status status;
  holder_->run([&](holder::Resident*) {
    status = or_out_of_memory("the model thread was at it", [&]() -> Status {
      ETB_ASSIGN_OR_RETURN(holder::Resident* const resident, models_.load_here(nullptr));
      return work(static_cast<LoadedModel&>(*resident));
    });
  });
  return status;
}

Result<std::unique_ptr<Session>> Engine::restore_session(const std::string& path,
                                                         SessionOptions options) {
  return or_out_of_memory("a conversation was restored",
                          [&] { return read_session(path, std::move(options)); });
}

Result<std::unique_ptr<Session>> Engine::read_session(const std::string& path,
                                                      SessionOptions options) {
  ETB_ASSIGN_OR_RETURN(const auto file, kv::SessionFile::open(path));
  auto conversation = decode_conversation(file->payload());
  if (!conversation.ok()) return conversation.status().with_context(path);
  auto core = std::make_shared<SessionCore>(holder_->new_id(), std::move(options));
  core->conversation = std::move(conversation).value();
  const Status restored = with_model([&](LoadedModel& model) -> Status {
    const runner::RunnerMeta& meta = model.runner().meta();
    ETB_RETURN_IF_ERROR(file->check_model(meta.model_tag()));
    ETB_RETURN_IF_ERROR(check_transcript(core->conversation.transcript, meta.vocab_size));
    if (file->to() == 0) return {};
    ETB_ASSIGN_OR_RETURN(const kv::RowsView rows, file->rows());
    const Status adopted = model.pool().adopt(core->id, rows);
    // A longer conversation than this context holds is cut, and what is left computed anew.
    return adopted.code() == StatusCode::ContextFull ? Status() : adopted;
  });
  if (!restored.ok()) return restored.with_context(path);
  return std::make_unique<Session>(shared_from_this(), std::move(core));
}

}  // namespace etb
