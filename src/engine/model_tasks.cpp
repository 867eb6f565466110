#include "engine/model_tasks.h"

#include <utility>

namespace etb {

void ModelTasks::soon(holder::RunnerHolder& holder, Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    waiting_ = true;
  }
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
  for (const Task& task : take()) task(model, running_session);
  look(model, running_session);
}

void ModelTasks::look(LoadedModel& model, uint64_t running_session) {
  SequencePool& pool = model.pool();
  ModelUse use{.pool = pool.use(), .most_positions = pool.most_positions()};
  for (const uint64_t session : pool.by_last_use()) {
    if (session == running_session) continue;
    ++use.idle_sessions;
    use.idle_bytes += pool.find(session)->kv_usage().committed_bytes;
  }
  const std::lock_guard lock(mutex_);
  use_ = use;
}

}  // namespace etb
