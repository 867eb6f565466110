// Small things that others want done on the model thread soon - between two tokens of what runs,
// not after it - and what the conversations held when the model thread last looked. Shared by all
// who use it: a job of the holder may outlive the engine that posted it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/sequence_pool.h"
#include "holder/runner_holder.h"

namespace etb {

// As of the last look.
struct ModelUse {
  PoolUse pool;
  uint32_t most_positions = 0;  // of the longest sequence
  size_t idle_sessions = 0;     // in memory, without a request that runs
  uint64_t idle_bytes = 0;
};

class ModelTasks : public std::enable_shared_from_this<ModelTasks> {
 public:
  // Gets the model and the session that runs (0: none), whose sequence it must leave alone.
  using Task = std::function<void(LoadedModel& model, uint64_t running_session)>;

  // Any thread. Dropped if no model is resident when its turn comes. Throws bad_alloc.
  void soon(holder::RunnerHolder& holder, Task task);
  // Has the model thread look, if that is not to come anyway: use() is fresher soon.
  void look_soon(holder::RunnerHolder& holder);
  ModelUse use() const;

  // The model thread calls these, between tokens and after each request.
  void run(LoadedModel& model, uint64_t running_session);
  void look(LoadedModel& model, uint64_t running_session) noexcept;

 private:
  void post(holder::RunnerHolder& holder);
  std::vector<Task> take();

  std::atomic<bool> waiting_{false};
  mutable std::mutex mutex_;
  std::vector<Task> tasks_;  // under mutex_, as use_
  ModelUse use_;
};

}  // namespace etb
