// Dates for strftime_now: broken-down UTC from seconds, and strftime in the C locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace etb::prompt {

struct CivilTime {
  int64_t year = 1970;
  int month = 1;  // 1..12
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int weekday = 4;   // 0 = Sunday
  int year_day = 0;  // 0..365
};

CivilTime civil_from_seconds(int64_t seconds_since_1970);

// "2026-11-23T12:00:00" or "2026-11-23", read as UTC. InvalidArgument, naming the text, otherwise.
Result<int64_t> seconds_from_iso(std::string_view text);

// Unknown directives stay as they are.
std::string format_time(const CivilTime& time, std::string_view format);

}  // namespace etb::prompt
