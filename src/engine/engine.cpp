#include "engine/engine.h"

#include <chrono>
#include <future>
#include <utility>

#include "engine/conversation_codec.h"
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
  std::shared_ptr<Engine> engine = create(options);
  ETB_RETURN_IF_ERROR(engine->load_and_wait(options));
  return engine;
}

Status Engine::load_and_wait(const EngineOptions& options) {
  const auto done = std::make_shared<std::promise<Status>>();
  auto result = done->get_future();
  const auto token = std::make_shared<CancelToken>();
  ETB_RETURN_IF_ERROR(load_model({.model = options.model,
                                  .progress = options.progress,
                                  .cancel = token,
                                  .done = [done](const Status& s) { done->set_value(s); }}));
  while (result.wait_for(kPoll) != std::future_status::ready) {
    if (options.cancel != nullptr && options.cancel->cancelled()) token->cancel();
  }
  return result.get();
}

Status Engine::load_model(ModelKeeper::Call call) {
  return models_.load(std::move(call));
}

Status Engine::unload(holder::WhileBusy while_busy, std::function<void()> done) {
  return models_.unload(while_busy, std::move(done));
}

std::unique_ptr<Session> Engine::new_session(SessionOptions options) {
  auto core = std::make_shared<SessionCore>(holder_->new_id(), std::move(options));
  core->conversation.system = core->options.system;
  clear(core->conversation);
  return std::make_unique<Session>(shared_from_this(), std::move(core));
}

Status Engine::with_model(const std::function<Status(LoadedModel&)>& work) {
  const CancelToken never;
  ETB_RETURN_IF_ERROR(models_.ensure(never, {}).status());
  Status status(StatusCode::Busy, "the model was taken away meanwhile: try again");
  holder_->run([&](holder::Resident* resident) {
    if (auto* const model = dynamic_cast<LoadedModel*>(resident)) status = work(*model);
  });
  return status;
}

Result<std::unique_ptr<Session>> Engine::restore_session(const std::string& path,
                                                         SessionOptions options) {
  ETB_ASSIGN_OR_RETURN(const auto file, kv::SessionFile::open(path));
  auto conversation = decode_conversation(file->payload());
  if (!conversation.ok()) return conversation.status().with_context(path);
  auto core = std::make_shared<SessionCore>(holder_->new_id(), std::move(options));
  core->conversation = std::move(conversation).value();
  const Status restored = with_model([&](LoadedModel& model) -> Status {
    ETB_RETURN_IF_ERROR(file->check_model(model.runner().meta().model_tag()));
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
