// What to do about pressure, one step at a time, in a fixed order: drop the prefix store, shrink
// the context, park the sessions, unload. Pure: says what should be done; the engine does it and
// tells with the next call what there is still to give.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "memory/cost.h"
#include "memory/pressure.h"

namespace etb::memory {

enum class ReactionKind { None, DropPrefixStore, ShrinkContext, ParkSessions, Unload, GrowContext };
std::string_view reaction_name(ReactionKind kind);  // "drop_prefix_store", ...

// What the engine holds at this moment.
struct Holdings {
  uint64_t prefix_store_bytes = 0;
  uint32_t context = 0;         // positions a session may use now
  uint32_t wanted_context = 0;  // what it was loaded for
  uint32_t used_positions = 0;  // of the session that holds most
  ModelCost cost = {};          // of the loaded model
  uint32_t idle_sessions = 0;   // with a KV cache in memory that could be parked now
  uint64_t idle_session_bytes = 0;
  bool loaded = false;
  bool busy = false;         // a request runs or waits
  uint64_t model_bytes = 0;  // dirty bytes that an unload gives back
  uint64_t room_bytes = 0;   // Budget::dirty_bytes: what could be taken
};

struct Reaction {
  ReactionKind kind = ReactionKind::None;
  uint32_t context = 0;         // ShrinkContext, GrowContext: the new one
  bool cancel_running = false;  // Unload: end requests rather than wait for them
  uint64_t bytes = 0;           // that should come back, as far as is known
  std::string reason;           // for the event that the app sees; empty for None
};

struct ReactionRules {
  uint32_t least_context = 512;            // shrinking ends here
  int64_t settle_ns = 2'000'000'000;       // for a reaction to show before the next
  int64_t urgent_settle_ns = 500'000'000;  // the same at Critical
  int64_t busy_grace_ns = 5'000'000'000;   // for requests to end by themselves before an unload
  int64_t calm_ns = 120'000'000'000;       // without any pressure before the context grows again
};

// Warning goes as far as parking; only Critical unloads. What was tried and gave nothing back (a
// store in use, say) is passed over until pressure has ended.
class ReactionPolicy {
 public:
  explicit ReactionPolicy(const ReactionRules& rules = {}) : rules_(rules) {}

  // To be called with each reading, about every second. `now_ns` of a monotonic clock; one that
  // jumps back makes it wait anew, no longer. A reaction it returns is taken as begun.
  Reaction next(const PressureReading& reading, const Holdings& holdings, int64_t now_ns);

 private:
  Reaction react(const PressureReading& reading, const Holdings& holdings, int64_t now_ns);
  Reaction drop_store(const Holdings& holdings);
  Reaction shrink(const PressureReading& reading, const Holdings& holdings);
  Reaction park(const Holdings& holdings);
  Reaction unload(const Holdings& holdings, int64_t now_ns);
  Reaction recover(const Holdings& holdings, int64_t now_ns);

  ReactionRules rules_;
  bool reacted_ = false;
  int64_t last_ns_ = 0;  // of the last reaction
  bool calm_ = false;    // level was None at the last call
  int64_t calm_since_ns_ = 0;
  bool waiting_for_idle_ = false;
  int64_t waiting_since_ns_ = 0;
  // What there was when it was last tried under this pressure; 0: not tried.
  uint64_t tried_store_bytes_ = 0;
  uint32_t tried_sessions_ = 0;
  uint32_t tried_context_ = 0;
};

}  // namespace etb::memory
