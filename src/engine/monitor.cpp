#include "engine/monitor.h"

#include <chrono>
#include <new>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/sequence_pool.h"
#include "platform/memory_info.h"
#include "platform/memory_pressure.h"
#include "platform/thread.h"

namespace etb {

using memory::ReactionKind;

std::string_view engine_event_name(EngineEventKind kind) {
  switch (kind) {
    case EngineEventKind::MemoryPressure:
      return "memory_pressure";
    case EngineEventKind::PrefixesDropped:
      return "prefixes_dropped";
    case EngineEventKind::ContextChanged:
      return "context_changed";
    case EngineEventKind::SessionsParked:
      return "sessions_parked";
    case EngineEventKind::Unloaded:
      return "unloaded";
    case EngineEventKind::ThreadsChanged:
      return "threads_changed";
  }
  return "unknown";
}

Monitor::Monitor(holder::RunnerHolder& holder, ModelKeeper& models, Scheduler& scheduler,
                 MonitorOptions options, const Clock& clock)
    : holder_(holder),
      models_(models),
      scheduler_(scheduler),
      options_(std::move(options)),
      clock_(clock),
      zones_(ThermalZones::find(options_.memory.root)) {
  if (options_.period_ms > 0) thread_ = std::thread([this] { watch(); });
}

Monitor::~Monitor() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Monitor::watch() {
  name_this_thread("com.executorch.watch");
  const auto period = std::chrono::milliseconds(options_.period_ms);
  std::unique_lock lock(mutex_);
  while (!stop_) {
    wake_.wait_for(lock, period, [this] { return stop_ || told_; });
    told_ = false;
    if (stop_) return;
    lock.unlock();
    try {
      tick();
    } catch (const std::bad_alloc&) {  // the next look may find some
    }
    lock.lock();
  }
}

void Monitor::wake() {
  {
    const std::lock_guard lock(mutex_);
    told_ = true;
  }
  wake_.notify_one();
}

void Monitor::tell_memory_pressure(memory::PressureLevel level) {
  int seen = host_pressure_;
  while (seen < static_cast<int>(level) &&
         !host_pressure_.compare_exchange_weak(seen, static_cast<int>(level))) {
  }
  wake();
}

void Monitor::tell_thermal(memory::ThermalLevel level) {
  host_heat_ = static_cast<int>(level);
  wake();
}

void Monitor::tell(EngineEventKind kind, int64_t value, std::string reason) const {
  log(LogLevel::Info, concat(engine_event_name(kind), ": ", reason));
  if (options_.on_event) options_.on_event({kind, value, std::move(reason)});
}

void Monitor::tick() {
  const int64_t now_ns = clock_.now_ns();
  look_at_memory(now_ns);
  look_at_heat(now_ns);
  look_at_idleness(now_ns);
}

void Monitor::look_at_memory(int64_t now_ns) {
  const std::string& root = options_.memory.root;
  const auto machine = machine_memory(root);
  const auto process = process_memory_under(root);
  // A system that tells nothing may still have told the host.
  const MachineMemory memory = machine.ok() ? *machine : MachineMemory();
  const uint64_t footprint = process.ok() ? process->footprint_bytes : 0;
  const auto model = models_.current();
  look_at_model(model.get());
  if (model) scheduler_.look_soon();  // for the next look: an answer may be growing
  memory::PressureSample sample;
  sample.machine = memory;
  sample.kernel = memory_pressure(root, memory.total_bytes);
  sample.working_clean_bytes = model && model->bundle.pte ? model->bundle.pte->bytes().size() : 0;
  sample.footprint_bytes = footprint;
  sample.host_limit_bytes = options_.memory.host_limit_bytes;
  sample.host = static_cast<memory::PressureLevel>(host_pressure_.exchange(0));
  const memory::PressureLevel before = gauge_.level();
  const memory::PressureReading reading = gauge_.update(sample, now_ns);
  if (reading.level != before) {
    tell(EngineEventKind::MemoryPressure, static_cast<int64_t>(reading.level),
         concat(memory::pressure_level_name(reading.level), ": ", reading.reason));
  }
  const memory::Budget budget =
      memory::make_budget({.machine = memory,
                           .footprint_bytes = footprint,
                           .host_limit_bytes = options_.memory.host_limit_bytes});
  carry_out(reactions_.next(reading, holdings(model.get(), budget), now_ns));
}

// A model that came (back) has its own context, chosen by the memory there was, and all threads.
void Monitor::look_at_model(const ModelInfo* model) {
  const uint64_t generation = holder_.status().generation;
  if (model == nullptr || generation == std::exchange(generation_, generation)) return;
  scheduler_.set_context_limit(0);
  reactions_ = memory::ReactionPolicy();
  if (heat_ && configured_threads_ == model->meta.threads) use_threads(heat_->threads());
}

void Monitor::use_threads(unsigned threads) {
  scheduler_.soon([threads](LoadedModel& model, uint64_t) { model.runner().set_threads(threads); });
}

memory::Holdings Monitor::holdings(const ModelInfo* model, const memory::Budget& budget) const {
  const ModelUse use = scheduler_.use();
  memory::Holdings holdings;
  holdings.room_bytes = budget.dirty_bytes;
  holdings.busy = holder_.status().admitted > 0;
  if (model == nullptr) return holdings;
  holdings.loaded = true;
  holdings.prefix_store_bytes = use.pool.prefix_bytes;
  holdings.wanted_context = model->meta.context;
  holdings.context = scheduler_.context_limit(model->meta.context);
  holdings.used_positions = use.most_positions;
  holdings.cost = model->memory.cost;
  holdings.idle_sessions = static_cast<uint32_t>(use.idle_sessions);
  holdings.idle_session_bytes = use.idle_bytes;
  holdings.model_bytes = use.pool.kv_bytes + use.pool.prefix_bytes + model->meta.activation_bytes;
  return holdings;
}

void Monitor::carry_out(const memory::Reaction& reaction) {
  switch (reaction.kind) {
    case ReactionKind::None:
      return;
    case ReactionKind::DropPrefixStore:
      scheduler_.soon([](LoadedModel& model, uint64_t) { model.pool().drop_prefixes(); });
      return tell(EngineEventKind::PrefixesDropped, 0, reaction.reason);
    case ReactionKind::ShrinkContext:
    case ReactionKind::GrowContext:
      scheduler_.set_context_limit(reaction.context);
      return tell(EngineEventKind::ContextChanged, reaction.context, reaction.reason);
    case ReactionKind::ParkSessions:
      scheduler_.soon([](LoadedModel& model, uint64_t running) {
        for (const uint64_t session : model.pool().by_last_use()) {
          if (session != running) model.pool().park(session);
        }
      });
      return tell(EngineEventKind::SessionsParked, 0, reaction.reason);
    case ReactionKind::Unload:
      if (models_
              .rest(reaction.cancel_running ? holder::WhileBusy::Cancel : holder::WhileBusy::Wait)
              .ok()) {
        tell(EngineEventKind::Unloaded, 0, reaction.reason);
      }
      return;
  }
}

void Monitor::look_at_heat(int64_t now_ns) {
  const auto model = models_.current();
  if (!model) return;
  if (!heat_ || configured_threads_ != model->meta.threads) {
    configured_threads_ = model->meta.threads;
    heat_.emplace(configured_threads_);
  }
  memory::ThermalSample sample{.zone = zones_.hottest(), .host = std::nullopt};
  if (const int told = host_heat_; told >= 0) {
    sample.host = static_cast<memory::ThermalLevel>(told);
  }
  const memory::ThreadChoice choice = heat_->update(sample, now_ns);
  if (!choice.changed) return;
  use_threads(choice.threads);
  tell(EngineEventKind::ThreadsChanged, choice.threads, choice.reason);
}

void Monitor::look_at_idleness(int64_t now_ns) {
  if (options_.idle_unload_ms <= 0 || !models_.current()) return;
  scheduler_.forget_future_use(now_ns);
  const int64_t idle_ns = now_ns - scheduler_.last_use_ns();
  if (idle_ns / 1'000'000 < options_.idle_unload_ms) return;
  if (!models_.rest(holder::WhileBusy::Refuse).ok()) return;
  tell(EngineEventKind::Unloaded, 0,
       concat("idle for ", idle_ns / 1'000'000'000, " s; the next request loads the model again"));
}

}  // namespace etb
