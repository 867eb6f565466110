#include "engine/model_keeper.h"

#include <chrono>
#include <future>
#include <utility>

#include "base/text.h"

namespace etb {
namespace {

constexpr std::chrono::milliseconds kPoll{5};
constexpr int kAttempts = 3;  // others may cancel a load that was shared

}  // namespace

ModelKeeper::ModelKeeper(holder::RunnerHolder& holder, ModelLoader loader, PoolOptions pool,
                         const Clock& clock)
    : holder_(holder),
      loader_(loader ? std::move(loader) : ModelLoader(LoadedModel::load)),
      pool_(std::move(pool)),
      clock_(clock) {}

holder::LoadCall ModelKeeper::holder_call(const ModelOptions& options,
                                          const LoadProgress& progress) const {
  holder::LoadCall call;
  call.key = model_key(options);
  call.loader = [options, progress, loader = loader_, pool = pool_, &clock = clock_](
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
  load.done = std::move(call.done);
  std::optional<ModelOptions> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(wish_, std::move(call.model));
  }
  const Status status = holder_.load(std::move(load));
  if (!status.ok()) {
    const std::lock_guard lock(mutex_);
    wish_ = std::move(before);
  }
  return status;
}

Status ModelKeeper::unload(holder::WhileBusy while_busy, std::function<void()> done) {
  std::optional<ModelOptions> before;
  {
    // First: a request that finds no model must not bring it back.
    const std::lock_guard lock(mutex_);
    before = std::exchange(wish_, std::nullopt);
  }
  if (!before) {
    holder_.post([done = std::move(done)](holder::Resident*) {
      if (done) done();
    });
    return {};
  }
  const Status status = holder_.unload(while_busy, std::move(done), model_key(*before));
  if (!status.ok()) {
    const std::lock_guard lock(mutex_);
    if (!wish_) wish_ = std::move(before);
  }
  return status;
}

Status ModelKeeper::rest(holder::WhileBusy while_busy) {
  const std::string wanted = key();
  return wanted.empty() ? Status() : holder_.unload(while_busy, nullptr, wanted);
}

std::string ModelKeeper::key() const {
  const std::lock_guard lock(mutex_);
  return wish_ ? model_key(*wish_) : std::string();
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
    std::optional<ModelOptions> wish;
    {
      const std::lock_guard lock(mutex_);
      wish = wish_;
    }
    if (!wish) return Status(StatusCode::NotFound, "no model is loaded: load one first");
    const auto done = std::make_shared<std::promise<Status>>();
    auto result = done->get_future();
    holder::LoadCall call = holder_call(*wish, {});
    call.cancel = std::make_shared<CancelToken>();
    call.done = [done](const Status& status) { done->set_value(status); };
    const auto token = call.cancel;
    ETB_RETURN_IF_ERROR(holder_.load(std::move(call)));
    while (result.wait_for(kPoll) != std::future_status::ready) {
      if (while_waiting) while_waiting();
      if (!cancel.cancelled()) continue;
      token->cancel();
      return cancelled;
    }
    const Status status = result.get();
    if (!status.ok() && status.code() != StatusCode::Cancelled) return status;
    if (cancel.cancelled()) return cancelled;
  }
  if (auto info = current()) return info;
  return Status(StatusCode::Busy, "the model was taken away while it was being loaded: try again");
}

}  // namespace etb
