// Engine: what an app holds - a model (through a RunnerHolder), the threads that serve it, and the
// conversations with it. Thread-safe. Nothing blocks but what says so.
//
//   auto engine = Engine::load({.model = {.model = "SmolLM2.gguf"}});
//   auto session = (*engine)->new_session({.system = "Be brief."});
//   auto request = session->submit(Prompt::user("Hello!"));
//   auto answer = (*request)->wait([](std::string_view text) { show(text); });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/status.h"
#include "engine/model_keeper.h"
#include "engine/monitor.h"
#include "engine/scheduler.h"
#include "engine/session.h"
#include "holder/runner_holder.h"

namespace etb {

struct EngineOptions {
  ModelOptions model = {};
  // Of load(): may be empty; called on the model thread.
  LoadProgress progress = {};
  // Of load(): may be null.
  const CancelToken* cancel = nullptr;
  // Null: the engine has one of its own. A shared one holds one model for all its engines: the
  // engine that is asked last has it, the others get theirs back when they need it.
  std::shared_ptr<holder::RunnerHolder> holder = {};
  PoolOptions pool = {};                  // what conversations keep, and where
  MonitorOptions monitor = {};            // its `memory` is that of `model`
  ModelLoader loader = {};                // tests bring their own; empty: LoadedModel::load
  const Clock* clock = &Clock::system();  // outlives the engine, and the holder if one is given
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // Without a model: load_model() brings one.
  static std::shared_ptr<Engine> create(const EngineOptions& options);
  // create(), load_model(options.model) and waiting for it: blocks. NotFound, Corrupt, Unsupported
  // (missing operator or architecture, named), OutOfMemory, Cancelled.
  static Result<std::shared_ptr<Engine>> load(const EngineOptions& options);
  // Cancels what runs and waits for it (100 ms). Not from a wakeup or a load's done().
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Makes another file the engine's model; sessions go on with it, from their text. Free if it is
  // the model already. Busy: refused as call.while_busy asks, nothing changed. A path that cannot
  // be opened changes nothing; after a load that fails otherwise, or is cancelled, the model before
  // is loaded again when it is needed.
  Status load_model(ModelKeeper::Call call);
  // Gives the model's memory back until the next load_model(); sessions keep their text. done() may
  // be empty. Busy as above. Requests that wait for their turn find no model then: NotFound.
  Status unload(holder::WhileBusy while_busy, std::function<void()> done);
  holder::HolderStatus status() const { return holder_->status(); }
  // What the host's system told it: Android onTrimMemory and thermal status, iOS memory warnings
  // and thermal state (memory/pressure.h and memory/thermal_policy.h turn theirs into ours).
  void tell_memory_pressure(memory::PressureLevel level) { monitor_.tell_memory_pressure(level); }
  void tell_thermal(memory::ThermalLevel level) { monitor_.tell_thermal(level); }
  // Null while the model is not resident.
  std::shared_ptr<const ModelInfo> model() const { return models_.current(); }

  // A conversation. Keeps the engine alive. Costs memory from its first request on. Throws
  // bad_alloc.
  std::unique_ptr<Session> new_session(SessionOptions options);
  // The conversation that Session::save() wrote. Blocks: for the model, if it went, and for what
  // runs. InvalidArgument names both models if the file is of another one; Corrupt, Unsupported (of
  // another version), NotFound.
  Result<std::unique_ptr<Session>> restore_session(const std::string& path, SessionOptions options);

  // Loads the model if it went, and does `work` on the model thread. Blocks.
  Status with_model(const std::function<Status(LoadedModel&)>& work);
  Scheduler& scheduler() { return scheduler_; }
  Monitor& monitor() { return monitor_; }
  ModelKeeper& models() { return models_; }
  holder::RunnerHolder& holder() { return *holder_; }

 private:
  explicit Engine(const EngineOptions& options);
  Status load_and_wait(const EngineOptions& options);
  Result<std::unique_ptr<Session>> read_session(const std::string& path, SessionOptions options);
  Status on_model_thread(const std::function<Status(LoadedModel&)>& work);

  const std::shared_ptr<holder::RunnerHolder> holder_;
  ModelKeeper models_;
  Scheduler scheduler_;
  Monitor monitor_;
};

}  // namespace etb
