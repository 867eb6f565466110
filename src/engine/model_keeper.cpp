#include "engine/model_keeper.h"

#include <chrono>
#include <future>
#include <new>
#include <utility>

#include "engine/sequence_pool.h"
#include "platform/mapped_file.h"

namespace etb {
namespace {

constexpr const char* kNoModel = "no model is loaded: load one first";
constexpr std::chrono::milliseconds kPoll{5};
constexpr int kAttempts = 3;  // others may cancel a load that was shared

// A path that cannot be opened is refused while the model before is still there.
Status check_path(const std::string& path) {
  return MappedFile::open(path).status();
}

}  // namespace

void LoadOutcome::tell(const Status& told) noexcept {
  try {
    status = told;
  } catch (const std::bad_alloc&) {  // then it is as it was made
  }
  over.set_value();
}

ModelKeeper::ModelKeeper(holder::RunnerHolder& holder, ModelLoader loader, PoolOptions pool,
                         const Clock& clock)
    : holder_(holder), loader_(std::move(loader)), pool_(std::move(pool)), clock_(clock) {
  remove_parked(pool_.folder);
}

holder::LoadCall ModelKeeper::holder_call(const ModelOptions& options,
                                          const LoadProgress& progress) const {
  holder::LoadCall call;
  call.key = model_key(options);
  if (!loader_) call.check = [path = options.model] { return check_path(path); };
  call.loader = [options, progress, loader = loader_ ? loader_ : ModelLoader(LoadedModel::load),
                 pool = pool_, &clock = clock_](
                    const holder::LoadProgress& status,
                    const CancelToken& cancel) -> Result<std::unique_ptr<holder::Resident>> {
    const LoadProgress both = [&](std::string_view stage, uint64_t done, uint64_t total) {
      status(stage, done, total);
      if (progress) progress(stage, done, total);
    };
    auto model = loader(options, both, &cancel);
    if (!model.ok()) return model.status();
    (*model)->open_pool(pool, clock);
    return std::unique_ptr<holder::Resident>(std::move(model).value());
  };
  return call;
}

Status ModelKeeper::load(Call call) {
  holder::LoadCall load = holder_call(call.model, call.progress);
  load.while_busy = call.while_busy;
  load.cancel = std::move(call.cancel);
  std::optional<ModelOptions> before;
  uint64_t number = 0;
  {
    const std::lock_guard lock(wish_->mutex);
    before = std::exchange(wish_->model, std::move(call.model));
    number = ++wish_->number;
  }
  const auto take_back = [wish = wish_, before, number] {
    const std::lock_guard lock(wish->mutex);
    if (wish->number == number) wish->model = before;
  };
  load.done = [take_back, done = std::move(call.done)](const Status& status) {
    if (!status.ok()) take_back();
    if (done) done(status);
  };
  const Status status = holder_.load(std::move(load));
  if (!status.ok()) take_back();
  return status;
}

Status ModelKeeper::unload(holder::WhileBusy while_busy, std::function<void()> done) {
  std::optional<ModelOptions> before;
  uint64_t number = 0;
  {
    // First: a request that finds no model must not bring it back.
    const std::lock_guard lock(wish_->mutex);
    before = std::exchange(wish_->model, std::nullopt);
    number = ++wish_->number;
  }
  if (!before) {
    holder_.post([done = std::move(done)](holder::Resident*) {
      if (done) done();
    });
    return {};
  }
  const Status status = holder_.unload(while_busy, std::move(done), model_key(*before));
  if (!status.ok()) {
    const std::lock_guard lock(wish_->mutex);
    if (wish_->number == number) wish_->model = std::move(before);
  }
  return status;
}

Status ModelKeeper::rest(holder::WhileBusy while_busy) {
  const std::string wanted = key();
  return wanted.empty() ? Status() : holder_.unload(while_busy, nullptr, wanted);
}

void ModelKeeper::forget_session(uint64_t session) noexcept {
  try {
    // Whatever of it still runs was posted before, or sees that the session is closed.
    holder_.post([session, folder = pool_.folder](holder::Resident* resident) {
      if (auto* const model = dynamic_cast<LoadedModel*>(resident)) model->pool().erase(session);
      remove_parked(folder, session);  // also if another model is resident, or none
    });
  } catch (const std::bad_alloc&) {
    return;
  }
}

std::optional<ModelOptions> ModelKeeper::wanted() const {
  const std::lock_guard lock(wish_->mutex);
  return wish_->model;
}

std::string ModelKeeper::key() const {
  const std::lock_guard lock(wish_->mutex);
  return wish_->model ? model_key(*wish_->model) : std::string();
}

std::shared_ptr<const ModelInfo> ModelKeeper::current() const {
  const std::string wanted = key();
  if (wanted.empty()) return nullptr;
  return std::static_pointer_cast<const ModelInfo>(holder_.public_part_of(wanted));
}

Result<std::shared_ptr<const ModelInfo>> ModelKeeper::ensure(
    const CancelToken& cancel, const std::function<void()>& while_waiting) {
  const Status cancelled(StatusCode::Cancelled, "cancelled while the model was being loaded");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto info = current()) return info;
    const std::optional<ModelOptions> wish = wanted();
    if (!wish) return Status(StatusCode::NotFound, kNoModel);
    const auto outcome = std::make_shared<LoadOutcome>();
    const auto over = outcome->over.get_future();
    holder::LoadCall call = holder_call(*wish, {});
    call.cancel = std::make_shared<CancelToken>();
    // Not this: a load that was given up may report after the engine.
    call.done = [outcome, &holder = holder_, key = call.key](const Status& status) {
      if (status.ok()) {
        outcome->info = std::static_pointer_cast<const ModelInfo>(holder.public_part_of(key));
      }
      outcome->tell(status);
    };
    const auto token = call.cancel;
    ETB_RETURN_IF_ERROR(holder_.load(std::move(call)));
    while (over.wait_for(kPoll) != std::future_status::ready) {
      if (while_waiting) while_waiting();
      if (!cancel.cancelled()) continue;
      token->cancel();
      return cancelled;
    }
    const Status& status = outcome->status;
    if (!status.ok() && status.code() != StatusCode::Cancelled) return status;
    if (cancel.cancelled()) return cancelled;
    if (outcome->info) return outcome->info;
  }
  if (auto info = current()) return info;
  return Status(StatusCode::Busy, "the model was taken away while it was being loaded: try again");
}

Result<holder::Resident*> ModelKeeper::load_here(std::shared_ptr<CancelToken> cancel) {
  const std::optional<ModelOptions> wish = wanted();
  if (!wish) return Status(StatusCode::NotFound, kNoModel);
  holder::LoadCall call = holder_call(*wish, {});
  call.cancel = std::move(cancel);
  return holder_.load_here(std::move(call));
}

}  // namespace etb
