#include "memory/thermal_policy.h"

#include <algorithm>

#include "base/text.h"
#include "memory/show.h"

namespace etb::memory {
namespace {

std::string degrees(int64_t thousandths) {
  return one_decimal(static_cast<double>(thousandths) / 1000) + " C";
}

}  // namespace

std::string_view thermal_level_name(ThermalLevel level) {
  switch (level) {
    case ThermalLevel::Nominal:
      return "nominal";
    case ThermalLevel::Fair:
      return "fair";
    case ThermalLevel::Serious:
      return "serious";
    case ThermalLevel::Critical:
      return "critical";
  }
  return "?";
}

ThermalLevel level_of_android_thermal(int status) {
  return static_cast<ThermalLevel>(std::clamp(status, 0, 3));
}

ThermalLevel level_of_apple_thermal(int state) {
  return static_cast<ThermalLevel>(std::clamp(state, 0, 3));
}

ThermalPolicy::ThermalPolicy(unsigned configured, const ThermalRules& rules)
    : rules_(rules), configured_(std::max(configured, 1U)), threads_(configured_) {}

// A level once reached is left only `hysteresis` further below.
ThermalLevel ThermalPolicy::level_of(const ThermalReading& zone) const {
  const auto within = [&](ThermalLevel level, int64_t headroom) {
    const int64_t slack = zone_level_ >= level ? rules_.hysteresis : 0;
    return zone.headroom() <= headroom + slack;
  };
  if (within(ThermalLevel::Critical, rules_.critical)) return ThermalLevel::Critical;
  if (within(ThermalLevel::Serious, rules_.serious)) return ThermalLevel::Serious;
  if (within(ThermalLevel::Fair, rules_.fair)) return ThermalLevel::Fair;
  return ThermalLevel::Nominal;
}

unsigned ThermalPolicy::target() const {
  const unsigned quarters = 4 - static_cast<unsigned>(level_);
  const uint64_t threads = (uint64_t{configured_} * quarters + 3) / 4;
  return std::max(static_cast<unsigned>(threads), 1U);
}

std::string ThermalPolicy::reason(const ThermalSample& sample, unsigned before) const {
  std::string cause = "no thermal reading any more";
  if (sample.zone && zone_level_ == level_) {
    const ThermalReading& zone = *sample.zone;
    cause = concat(zone.zone, " is at ", degrees(zone.temperature), ", ",
                   degrees(std::max<int64_t>(zone.headroom(), -zone.headroom())),
                   zone.headroom() >= 0 ? " below " : " above ", "the ", degrees(zone.throttle),
                   " where it is slowed down");
  } else if (sample.host) {
    cause = concat("the system told the app: ", thermal_level_name(*sample.host));
  }
  return concat(cause, "; threads from ", before, " to ", threads_, " of ", configured_);
}

ThreadChoice ThermalPolicy::update(const ThermalSample& sample, int64_t now_ns) {
  zone_level_ = sample.zone ? level_of(*sample.zone) : ThermalLevel::Nominal;
  level_ = std::max(zone_level_, sample.host.value_or(ThermalLevel::Nominal));
  const unsigned aim = target();
  const unsigned before = threads_;
  if (now_ns < last_ns_) last_ns_ = now_ns;
  const int64_t waited = now_ns - last_ns_;
  if (aim < threads_) {
    const bool may = !stepped_ || waited >= rules_.down_ns;
    if (level_ == ThermalLevel::Critical) {
      threads_ = aim;
    } else if (may) {
      --threads_;
    }
  } else if (aim > threads_ && waited >= rules_.up_ns) {
    ++threads_;
  }
  ThreadChoice choice{threads_, level_, threads_ != before, {}};
  if (!choice.changed && aim == threads_ && threads_ < configured_) last_ns_ = now_ns;
  if (!choice.changed) return choice;
  stepped_ = true;
  last_ns_ = now_ns;
  choice.reason = reason(sample, before);
  return choice;
}

}  // namespace etb::memory
