// ModelKeeper: an engine's wish for a model, and its fulfilment by the holder. Once loaded, the
// model may go for a while (idle, memory short, another engine's turn) and come back when it is
// needed; after forget() it stays away.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "engine/loaded_model.h"
#include "holder/runner_holder.h"

namespace etb {

// Replaceable for tests; LoadedModel::load if not replaced. Runs on the model thread.
using ModelLoader = std::function<Result<std::unique_ptr<LoadedModel>>(
    const ModelOptions& options, const LoadProgress& progress, const CancelToken* cancel)>;

// What a load came to, for a thread that waits for it.
struct LoadOutcome {
  std::promise<void> over;
  // Valid once it is over. The info as of then: the model may have gone since.
  std::shared_ptr<const ModelInfo> info;
  Status status{StatusCode::OutOfMemory, "memory ran out while a model was loaded"};

  void tell(const Status& told) noexcept;
};

class ModelKeeper {
 public:
  // `clock` outlives the models it loads. What another run left parked in the pool's folder goes.
  ModelKeeper(holder::RunnerHolder& holder, ModelLoader loader, PoolOptions pool,
              const Clock& clock);

  struct Call {
    ModelOptions model;
    LoadProgress progress = {};  // may be empty; called on the model thread
    holder::WhileBusy while_busy = holder::WhileBusy::Wait;
    std::shared_ptr<CancelToken> cancel = {};      // may be null
    std::function<void(const Status&)> done = {};  // see holder::LoadCall
  };
  // From now on this is the model; starts loading it. Busy: refused, the wish is as before; so it
  // is after a load that fails or is cancelled: the model before comes back when it is needed.
  Status load(Call call);
  // The wish is taken back: ensure() is NotFound until the next load(). done() (may be empty) once,
  // on the model thread, when the model's memory is back. Busy: refused, the wish is as before.
  Status unload(holder::WhileBusy while_busy, std::function<void()> done);
  // The same, but the wish stays: the next ensure() loads the model again.
  Status rest(holder::WhileBusy while_busy);

  // A conversation is over: what it computed, in memory or parked, goes. Fails silently: then it
  // goes with the model, or the folder.
  void forget_session(uint64_t session) noexcept;

  // Null unless the model is resident now.
  std::shared_ptr<const ModelInfo> current() const;
  // The model, loaded again if it went. Blocks; `while_waiting` is called every few milliseconds.
  Result<std::shared_ptr<const ModelInfo>> ensure(const CancelToken& cancel,
                                                  const std::function<void()>& while_waiting);
  // The same for a task of the model thread: the model is there when it returns.
  Result<holder::Resident*> load_here(std::shared_ptr<CancelToken> cancel);

 private:
  holder::LoadCall holder_call(const ModelOptions& options, const LoadProgress& progress) const;
  std::optional<ModelOptions> wanted() const;
  std::string key() const;

  holder::RunnerHolder& holder_;
  const ModelLoader loader_;
  const PoolOptions pool_;
  const Clock& clock_;
  // Shared with loads, which may end after the engine.
  struct Wish {
    std::mutex mutex;
    std::optional<ModelOptions> model;  // under mutex
    uint64_t number = 0;                // of the wish; under mutex
  };
  const std::shared_ptr<Wish> wish_ = std::make_shared<Wish>();
};

}  // namespace etb
