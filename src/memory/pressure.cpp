#include "memory/pressure.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "memory/show.h"

namespace etb::memory {
namespace {

constexpr double kRoomHysteresis = 1.5;
constexpr double kStallHysteresis = 0.5;
// Of two samples this far apart the kernel's totals say more than its averages, which lag.
constexpr int64_t kLeastSpan = 200'000'000;
constexpr int64_t kMostSpan = 30'000'000'000;

struct StallPercent {
  double some = 0;
  double full = 0;
};

double percent_between(uint64_t before_us, uint64_t after_us, int64_t span_ns) {
  if (after_us <= before_us) return 0;  // a group made anew counts from 0
  const double waited_us = static_cast<double>(after_us - before_us);
  return std::min(100.0, waited_us * 1e3 / static_cast<double>(span_ns) * 100.0);
}

StallPercent stall_percent(const MemoryStall& now, const std::optional<MemoryStall>& before,
                           int64_t span_ns) {
  if (!before || span_ns < kLeastSpan || span_ns > kMostSpan) {
    return {now.some.avg10, now.full.avg10};
  }
  return {percent_between(before->some.total_us, now.some.total_us, span_ns),
          percent_between(before->full.total_us, now.full.total_us, span_ns)};
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string_view pressure_level_name(PressureLevel level) {
  switch (level) {
    case PressureLevel::None:
      return "none";
    case PressureLevel::Warning:
      return "warning";
    case PressureLevel::Critical:
      return "critical";
  }
  return "?";
}

// 5, 10, 15: while the app is in front (15: the next step kills); 20: merely hidden; 40, 60, 80: in
// the background, ever closer to the end of the list of those to kill.
PressureLevel level_of_android_trim(int trim) {
  if (trim >= 80 || trim == 15) return PressureLevel::Critical;
  if (trim >= 40 || trim == 5 || trim == 10) return PressureLevel::Warning;
  return PressureLevel::None;
}

PressureLevel level_of_apple_pressure(unsigned flags) {
  if ((flags & 4U) != 0) return PressureLevel::Critical;
  return (flags & 2U) != 0 ? PressureLevel::Warning : PressureLevel::None;
}

void PressureGauge::raise(Finding& worst, PressureLevel level, std::string reason) {
  if (level > worst.level) worst = {level, std::move(reason)};
}

void PressureGauge::judge_room(std::string_view whose, uint64_t limit, uint64_t room,
                               Finding& worst) const {
  const auto begins = [this](PressureLevel level, double threshold) {
    return now_ >= level ? threshold * kRoomHysteresis : threshold;
  };
  const double left = share(room, limit);
  const double warning = begins(PressureLevel::Warning, rules_.warning_room);
  const double critical = begins(PressureLevel::Critical, rules_.critical_room);
  if (left >= warning) return;
  const bool is_critical = left < critical;
  raise(worst, is_critical ? PressureLevel::Critical : PressureLevel::Warning,
        concat(mebibytes(room), " of ", whose, "'s ", mebibytes(limit), " are left, less than ",
               one_decimal((is_critical ? critical : warning) * 100), " %"));
}

void PressureGauge::judge_rooms(const PressureSample& sample, Finding& worst) const {
  const uint64_t clean = sample.working_clean_bytes;
  judge_room("the machine", sample.machine.total_bytes, less(sample.machine.available_bytes, clean),
             worst);
  if (const auto& group = sample.kernel.cgroup; group && group->bound_bytes()) {
    judge_room("the control group", *group->bound_bytes(), less(*group->room_bytes(), clean),
               worst);
  }
  if (sample.host_limit_bytes) {
    judge_room("the app", *sample.host_limit_bytes,
               less(*sample.host_limit_bytes, sample.footprint_bytes), worst);
  }
}

void PressureGauge::judge_stalls(const PressureSample& sample, int64_t now_ns, Finding& worst) {
  const bool machine_is_short =
      share(sample.machine.available_bytes, sample.machine.total_bytes) < rules_.machine_stall_room;
  const std::optional<MemoryStall> stall =
      sample.kernel.group ? sample.kernel.group
                          : (machine_is_short ? sample.kernel.machine : std::nullopt);
  std::optional<MemoryStall> before = std::exchange(last_stall_, stall);
  const bool is_group = sample.kernel.group.has_value();
  if (std::exchange(last_stall_is_group_, is_group) != is_group) before.reset();
  const int64_t span = now_ns - std::exchange(last_stall_ns_, now_ns);
  if (!stall) return;
  const StallPercent percent = stall_percent(*stall, before, span);
  const auto begins = [this](PressureLevel level, double threshold) {
    return now_ >= level ? threshold * kStallHysteresis : threshold;
  };
  if (percent.full >= begins(PressureLevel::Critical, rules_.critical_stall)) {
    raise(worst, PressureLevel::Critical,
          concat("everything waits for memory ", one_decimal(percent.full), " % of the time"));
  }
  if (percent.some >= begins(PressureLevel::Warning, rules_.warning_stall)) {
    raise(worst, PressureLevel::Warning,
          concat("tasks wait for memory ", one_decimal(percent.some), " % of the time"));
  }
}

// Counters of the same group that have grown since the last sample.
void PressureGauge::judge_events(const PressureSample& sample, Finding& worst) {
  const auto before = std::exchange(last_group_, sample.kernel.cgroup);
  if (!before || !last_group_ || before->group != last_group_->group) return;
  const CgroupEvents& was = before->events;
  const CgroupEvents& is = last_group_->events;
  if (is.oom_kills > was.oom_kills) {
    raise(worst, PressureLevel::Critical,
          concat("the kernel killed ", is.oom_kills - was.oom_kills,
                 " of the control group's processes for memory"));
  }
  if (is.ooms > was.ooms) {
    raise(worst, PressureLevel::Critical, "the control group ran out of memory");
  }
  if (is.high > was.high) {
    raise(
        worst, PressureLevel::Warning,
        concat("the control group was slowed down ", is.high - was.high, " times above its limit"));
  }
}

void PressureGauge::judge_host(const PressureSample& sample, int64_t now_ns, Finding& worst) {
  const bool over = now_ns < host_since_ns_ || now_ns - host_since_ns_ >= rules_.host_ns;
  if (over) host_ = PressureLevel::None;
  if (sample.host > PressureLevel::None && sample.host >= host_) {
    host_ = sample.host;
    host_since_ns_ = now_ns;
  }
  raise(worst, host_, concat("the system told the app: ", pressure_level_name(host_)));
}

PressureGauge::Finding PressureGauge::judge(const PressureSample& sample, int64_t now_ns) {
  Finding worst;
  judge_host(sample, now_ns, worst);
  judge_rooms(sample, worst);
  judge_stalls(sample, now_ns, worst);
  judge_events(sample, worst);
  return worst;
}

PressureReading PressureGauge::update(const PressureSample& sample, int64_t now_ns) {
  Finding finding = judge(sample, now_ns);
  now_ = finding.level;
  if (now_ > PressureLevel::None && now_ >= level_) {
    level_ = now_;
    held_reason_ = finding.reason;
    since_ns_ = now_ns;
  } else if (now_ns < since_ns_) {
    since_ns_ = now_ns;
  } else if (level_ > now_ && now_ns - since_ns_ >= rules_.hold_ns) {
    level_ = static_cast<PressureLevel>(static_cast<int>(level_) - 1);
    since_ns_ = now_ns;
  }
  const bool only_held = now_ == PressureLevel::None && level_ > now_;
  return {now_, level_, only_held ? "lately: " + held_reason_ : std::move(finding.reason)};
}

}  // namespace etb::memory
