#include "engine/model_tasks.h"

#include <algorithm>
#include <new>
#include <utility>

namespace etb {

void ModelTasks::soon(holder::RunnerHolder& holder, Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    waiting_ = true;
  }
  post(holder);
}

void ModelTasks::look_soon(holder::RunnerHolder& holder) {
  if (!waiting_.exchange(true)) post(holder);
}

// For when nothing runs that would see them between two tokens.
void ModelTasks::post(holder::RunnerHolder& holder) {
  holder.post([self = shared_from_this()](holder::Resident* resident) {
    if (auto* const model = dynamic_cast<LoadedModel*>(resident)) return self->run(*model, 0);
    self->take();
  });
}

ModelUse ModelTasks::use() const {
  const std::lock_guard lock(mutex_);
  return use_;
}

std::vector<ModelTasks::Task> ModelTasks::take() {
  const std::lock_guard lock(mutex_);
  waiting_ = false;
  return std::exchange(tasks_, {});
}

void ModelTasks::run(LoadedModel& model, uint64_t running_session) {
  if (!waiting_) return;
  for (const Task& task : take()) {
    try {
      task(model, running_session);
    } catch (const std::bad_alloc&) {  // was to save memory; the monitor sees that it did not
    }
  }
  look(model, running_session);
}

void ModelTasks::look(LoadedModel& model, uint64_t running_session) noexcept {
  try {
    SequencePool& pool = model.pool();
    ModelUse use{.pool = pool.use(), .most_positions = pool.most_positions()};
    const runner::Sequence* const running = pool.find(running_session);
    use.idle_sessions = use.pool.sequences - (running != nullptr ? 1 : 0);
    use.idle_bytes = use.pool.kv_bytes;
    if (running != nullptr) {
      use.idle_bytes -= std::min(use.idle_bytes, uint64_t{running->kv_usage().committed_bytes});
    }
    const std::lock_guard lock(mutex_);
    use_ = use;
  } catch (const std::bad_alloc&) {  // the last look stands
  }
}

}  // namespace etb
