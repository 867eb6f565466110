// What an engine does by itself and tells the app: memory, heat, the model's coming and going.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace etb {

// Append-only: the numbers will cross the C ABI.
enum class EngineEventKind : int {
  MemoryPressure = 0,  // the level changed; `value`: memory::PressureLevel
  PrefixesDropped = 1,
  ContextChanged = 2,  // `value`: positions a conversation may use from now on
  SessionsParked = 3,
  Unloaded = 4,        // memory short or idle; the next request loads the model again
  ThreadsChanged = 5,  // `value`: threads from now on
};
std::string_view engine_event_name(EngineEventKind kind);  // "memory_pressure", ...

struct EngineEvent {
  EngineEventKind kind = EngineEventKind::MemoryPressure;
  int64_t value = 0;
  std::string reason;  // for people, with the numbers
};

// Called on a thread of the engine: must not block, nor drop the last handle of the engine.
using EngineEventSink = std::function<void(const EngineEvent&)>;

}  // namespace etb
