// How many threads to compute with, so that the machine does not get so hot that the system slows
// it down. Pure: readings and the clock come in as arguments.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/thermal.h"

namespace etb::memory {

// As Apple's NSProcessInfoThermalState counts. The numbers cross the C ABI.
enum class ThermalLevel : int { Nominal = 0, Fair = 1, Serious = 2, Critical = 3 };
std::string_view thermal_level_name(ThermalLevel level);  // "nominal", "fair", ...

// PowerManager.getCurrentThermalStatus(): 0 none, 1 light, 2 moderate, 3 severe and above.
ThermalLevel level_of_android_thermal(int status);
ThermalLevel level_of_apple_thermal(int state);

struct ThermalSample {
  std::optional<ThermalReading> zone;  // ThermalZones::hottest()
  std::optional<ThermalLevel> host;    // what the system last told the app
};

struct ThermalRules {
  // Thousandths of a degree below the point where the system slows down. A level that was reached
  // ends `hysteresis` further below.
  int64_t fair = 10'000;
  int64_t serious = 5'000;
  int64_t critical = 0;
  int64_t hysteresis = 3'000;
  int64_t down_ns = 5'000'000'000;  // between two threads fewer: the effect shows first
  int64_t up_ns = 30'000'000'000;   // between two threads more
};

struct ThreadChoice {
  unsigned threads = 1;
  ThermalLevel level{};
  bool changed = false;  // against the choice before
  std::string reason;    // with numbers, if changed
};

// Aims at all threads when nominal, 3/4 of them when fair, half when serious, a quarter when
// critical, at least one; goes there a thread at a time, at Critical at once.
class ThermalPolicy {
 public:
  // `configured`: threads of the calm machine, at least 1.
  explicit ThermalPolicy(unsigned configured, const ThermalRules& rules = {});

  // To be called about every second, with a monotonic clock; one that jumps back makes it wait
  // anew. Without any reading the level is nominal.
  ThreadChoice update(const ThermalSample& sample, int64_t now_ns);
  unsigned threads() const { return threads_; }

 private:
  ThermalLevel level_of(const ThermalReading& zone) const;
  unsigned target() const;
  std::string reason(const ThermalSample& sample, unsigned before) const;

  ThermalRules rules_;
  unsigned configured_;
  unsigned threads_;
  ThermalLevel zone_level_ = ThermalLevel::Nominal;
  ThermalLevel level_ = ThermalLevel::Nominal;
  bool stepped_ = false;
  int64_t last_ns_ = 0;  // of the last change, or since when a rise is possible
};

}  // namespace etb::memory
