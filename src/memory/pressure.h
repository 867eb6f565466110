// How hard memory presses, as one of three levels: from the room under every limit, from stalls the
// kernel measures, and from what the host app was told by its system. Pure: samples and the clock
// come in as arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/memory_info.h"
#include "platform/memory_pressure.h"

namespace etb::memory {

// The numbers cross the C ABI.
enum class PressureLevel : int { None = 0, Warning = 1, Critical = 2 };
std::string_view pressure_level_name(PressureLevel level);  // "none", "warning", "critical"

// Entry points of host systems. Android: the argument of onTrimMemory (onLowMemory is 80). Apple:
// the flags of a DISPATCH_SOURCE_TYPE_MEMORYPRESSURE event; an iOS memory warning is Warning.
PressureLevel level_of_android_trim(int trim);
PressureLevel level_of_apple_pressure(unsigned flags);

struct PressureSample {
  MachineMemory machine;
  MemoryPressure kernel;
  // Mapped weights in use. They could be dropped, but are read again for each token: they count as
  // taken.
  uint64_t working_clean_bytes = 0;
  uint64_t footprint_bytes = 0;              // of this process, against host_limit_bytes
  std::optional<uint64_t> host_limit_bytes;  // as in memory/budget.h
  // The worst the host was told since the last sample. No system says when such an event is over.
  PressureLevel host = PressureLevel::None;
};

struct PressureRules {
  // Room as a share of the limit, below which a level begins. It ends at 1.5 times that.
  double warning_room = 1.0 / 16;
  double critical_room = 1.0 / 32;
  // Percent of time that some task (warning) or every task (critical) waits for memory. It ends at
  // half of that. About what Android's low memory killer takes for its own levels.
  double warning_stall = 7;
  double critical_stall = 7;
  // Stalls of the whole machine count while less than this share of it is available; else they are
  // some other group's at a limit of its own.
  double machine_stall_room = 0.25;
  int64_t host_ns = 2'000'000'000;   // an event from the host presses for that long
  int64_t hold_ns = 10'000'000'000;  // a level is told for at least that long
};

struct PressureReading {
  PressureLevel now{};    // what presses at this moment: reactions go by it
  PressureLevel level{};  // the same, held: what the app is told
  std::string reason;     // with numbers, of `now`; of the level that is held if nothing presses
};

class PressureGauge {
 public:
  explicit PressureGauge(const PressureRules& rules = {}) : rules_(rules) {}

  // `now_ns` of a monotonic clock; one that jumps back starts the hold anew. Rises at once, falls
  // after the hold, one level at a time.
  PressureReading update(const PressureSample& sample, int64_t now_ns);
  PressureLevel level() const { return level_; }

 private:
  struct Finding {
    PressureLevel level = PressureLevel::None;
    std::string reason = "no pressure on memory";
  };
  Finding judge(const PressureSample& sample, int64_t now_ns);
  void judge_host(const PressureSample& sample, int64_t now_ns, Finding& worst);
  void judge_rooms(const PressureSample& sample, Finding& worst) const;
  void judge_stalls(const PressureSample& sample, int64_t now_ns, Finding& worst);
  void judge_events(const PressureSample& sample, Finding& worst);
  void judge_room(std::string_view whose, uint64_t limit, uint64_t room, Finding& worst) const;
  static void raise(Finding& worst, PressureLevel level, std::string reason);

  PressureRules rules_;
  PressureLevel now_ = PressureLevel::None;
  PressureLevel level_ = PressureLevel::None;
  int64_t since_ns_ = 0;  // the held level was last confirmed then
  PressureLevel host_ = PressureLevel::None;
  int64_t host_since_ns_ = 0;
  std::string held_reason_;  // of level_
  std::optional<MemoryStall> last_stall_;
  bool last_stall_is_group_ = false;
  int64_t last_stall_ns_ = 0;
  std::optional<CgroupMemory> last_group_;
};

}  // namespace etb::memory
