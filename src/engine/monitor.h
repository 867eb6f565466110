// Monitor: looks at the machine about once a second and has the engine react - memory pressure in
// D11's order, heat by fewer threads, idleness by unloading. All decisions are pure functions of
// the memory room; here they get their samples, and what they decide is carried out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "engine/engine_event.h"
#include "engine/memory_plan.h"
#include "engine/model_keeper.h"
#include "engine/scheduler.h"
#include "holder/runner_holder.h"
#include "memory/pressure.h"
#include "memory/reactions.h"
#include "memory/thermal_policy.h"
#include "platform/thermal.h"

namespace etb {

struct MonitorOptions {
  int64_t period_ms = 1000;    // 0: no thread; the host calls tick()
  int64_t idle_unload_ms = 0;  // without a request for so long the model goes; 0: it stays
  MemoryOptions memory = {};
  EngineEventSink on_event = {};
};

class Monitor {
 public:
  // All outlive it. Starts its thread unless period_ms is 0.
  Monitor(holder::RunnerHolder& holder, ModelKeeper& models, Scheduler& scheduler,
          MonitorOptions options, const Clock& clock);
  ~Monitor();
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  // One look. Cheap (a few small files); not from several threads at once. Throws bad_alloc.
  void tick();

  // What the host's system told it; from any thread. Seen at the next tick, which comes at once.
  void tell_memory_pressure(memory::PressureLevel level);
  void tell_thermal(memory::ThermalLevel level);

 private:
  void watch();
  void wake();
  void look_at_memory(int64_t now_ns);
  void look_at_model(const ModelInfo* model);
  void use_threads(unsigned threads);
  memory::Holdings holdings(const ModelInfo* model, const memory::Budget& budget) const;
  void carry_out(const memory::Reaction& reaction);
  void look_at_heat(int64_t now_ns);
  void look_at_idleness(int64_t now_ns);
  void tell(EngineEventKind kind, int64_t value, std::string reason) const;

  holder::RunnerHolder& holder_;
  ModelKeeper& models_;
  Scheduler& scheduler_;
  const MonitorOptions options_;
  const Clock& clock_;

  memory::PressureGauge gauge_;
  memory::ReactionPolicy reactions_;
  std::optional<memory::ThermalPolicy> heat_;  // made when a model tells its threads
  unsigned configured_threads_ = 0;
  uint64_t generation_ = 0;  // of the model looked at last
  ThermalZones zones_;
  std::atomic<int> host_pressure_{0};
  std::atomic<int> host_heat_{-1};  // -1: never told

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;  // under mutex_, as told_
  bool told_ = false;
  std::thread thread_;
};

}  // namespace etb
