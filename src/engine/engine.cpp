#include "engine/engine.h"

#include <chrono>
#include <future>
#include <utility>

namespace etb {
namespace {

constexpr std::chrono::milliseconds kPoll{5};

std::shared_ptr<holder::RunnerHolder> own_or_given(const EngineOptions& options) {
  return options.holder ? options.holder : std::make_shared<holder::RunnerHolder>();
}

}  // namespace

Engine::Engine(const EngineOptions& options)
    : holder_(own_or_given(options)),
      models_(*holder_, options.loader),
      scheduler_(*holder_, models_, *options.clock) {}

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
  ETB_RETURN_IF_ERROR(holder_->unload(while_busy, std::move(done)));
  models_.forget();
  return {};
}

std::unique_ptr<Session> Engine::new_session(SessionOptions options) {
  auto core = std::make_shared<SessionCore>(holder_->new_id(), std::move(options));
  core->conversation.system = core->options.system;
  clear(core->conversation);
  return std::make_unique<Session>(shared_from_this(), std::move(core));
}

}  // namespace etb
