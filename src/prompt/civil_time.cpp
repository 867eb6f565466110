#include "prompt/civil_time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace etb::prompt {
namespace {

constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years start in March, so
// that the leap day comes last.
int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}

bool is_leap(int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

std::string padded(int64_t value, size_t width, char fill) {
  std::string text = std::to_string(value);
  if (text.size() < width) text.insert(0, width - text.size(), fill);
  return text;
}

// Week of the year, counted from the first `first_day` (0 = Sunday, 1 = Monday).
int week_of_year(const CivilTime& t, int first_day) {
  return (t.year_day + 7 - (t.weekday + 7 - first_day) % 7) / 7;
}

struct IsoWeek {
  int64_t year;
  int week;
};

IsoWeek iso_week(const CivilTime& t) {
  const int monday_based = (t.weekday + 6) % 7;
  const int week = (t.year_day - monday_based + 10) / 7;
  const auto weeks_in = [](int64_t year) {
    const auto p = [](int64_t y) { return (y + y / 4 - y / 100 + y / 400) % 7; };
    return p(year) == 4 || p(year - 1) == 3 ? 53 : 52;
  };
  if (week < 1) return {t.year - 1, weeks_in(t.year - 1)};
  if (week > weeks_in(t.year)) return {t.year + 1, 1};
  return {t.year, week};
}

// Directives that stand for others, in the C locale; empty: not one of them.
std::string_view composite(char c) {
  switch (c) {
    case 'c':
      return "%a %b %e %H:%M:%S %Y";
    case 'D':
    case 'x':
      return "%m/%d/%y";
    case 'F':
      return "%Y-%m-%d";
    case 'r':
      return "%I:%M:%S %p";
    case 'R':
      return "%H:%M";
    case 'T':
    case 'X':
      return "%H:%M:%S";
    default:
      return {};
  }
}

std::optional<std::string> words(const CivilTime& t, char c) {
  switch (c) {
    case 'a':
      return std::string(kDays[t.weekday].substr(0, 3));
    case 'A':
      return std::string(kDays[t.weekday]);
    case 'b':
    case 'h':
      return std::string(kMonths[t.month - 1].substr(0, 3));
    case 'B':
      return std::string(kMonths[t.month - 1]);
    case 'f':
      return "000000";
    case 'n':
      return "\n";
    case 'p':
      return t.hour < 12 ? "AM" : "PM";
    case 'P':
      return t.hour < 12 ? "am" : "pm";
    case 't':
      return "\t";
    case 'u':
      return std::to_string(t.weekday == 0 ? 7 : t.weekday);
    case 'w':
      return std::to_string(t.weekday);
    case 'z':
    case 'Z':
      return "";  // a naive time, as datetime.now() is
    case '%':
      return "%";
    default:
      return std::nullopt;
  }
}

// One directive; `fill` replaces the usual padding ('\0': none at all, 'd': the usual).
std::string directive(const CivilTime& t, char c, char fill) {
  if (const std::string_view parts = composite(c); !parts.empty()) return format_time(t, parts);
  if (std::optional<std::string> text = words(t, c)) return std::move(*text);
  const auto number = [fill](int64_t value, size_t width, char usual) {
    return fill == '\0' ? std::to_string(value) : padded(value, width, fill == 'd' ? usual : fill);
  };
  const int hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  switch (c) {
    case 'C':
      return number(t.year / 100, 2, '0');
    case 'd':
      return number(t.day, 2, '0');
    case 'e':
      return number(t.day, 2, ' ');
    case 'g':
      return number(iso_week(t).year % 100, 2, '0');
    case 'G':
      return number(iso_week(t).year, 4, '0');
    case 'H':
      return number(t.hour, 2, '0');
    case 'I':
      return number(hour12, 2, '0');
    case 'j':
      return number(t.year_day + 1, 3, '0');
    case 'k':
      return number(t.hour, 2, ' ');
    case 'l':
      return number(hour12, 2, ' ');
    case 'm':
      return number(t.month, 2, '0');
    case 'M':
      return number(t.minute, 2, '0');
    case 'S':
      return number(t.second, 2, '0');
    case 'U':
      return number(week_of_year(t, 0), 2, '0');
    case 'V':
      return number(iso_week(t).week, 2, '0');
    case 'W':
      return number(week_of_year(t, 1), 2, '0');
    case 'y':
      return number(t.year % 100, 2, '0');
    case 'Y':
      return number(t.year, 4, '0');
    default:
      return concat("%", c);
  }
}

}  // namespace

CivilTime civil_from_seconds(int64_t seconds) {
  constexpr int64_t kDay = 86400;
  // Years 0001..9999, as Python's datetime; what lies outside is clamped.
  seconds = std::clamp<int64_t>(seconds, -62'135'596'800, 253'402'300'799);
  int64_t days = seconds / kDay, rest = seconds % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  CivilTime t;
  t.hour = static_cast<int>(rest / 3600);
  t.minute = static_cast<int>(rest / 60 % 60);
  t.second = static_cast<int>(rest % 60);
  t.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  const int64_t shifted = days + 719468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;  // 0 = March
  t.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  t.month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  t.year = year_of_era + era * 400 + (t.month <= 2);
  t.year_day = static_cast<int>(days - days_from_civil(t.year, 1, 1));
  return t;
}

Result<int64_t> seconds_from_iso(std::string_view text) {
  const Status bad(StatusCode::InvalidArgument,
                   concat("'", text, "' is no time: write it as 2026-11-23T12:00:00 (UTC)"));
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  std::string_view body = text;
  if (body.ends_with('Z')) body.remove_suffix(1);
  if (body.size() != 10 && body.size() != kShape.size()) return bad;
  std::array<int, 6> part{};
  size_t index = 0;
  for (size_t i = 0; i < body.size(); ++i) {
    const bool digit = body[i] >= '0' && body[i] <= '9';
    if (digit != (kShape[i] == '0')) return bad;
    if (!digit && body[i] != kShape[i] && !(i == 10 && body[i] == ' ')) return bad;
    if (digit) part[index] = part[index] * 10 + (body[i] - '0');
    index += !digit;
  }
  constexpr int kMonthDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const auto [year, month, day, hour, minute, second] = part;
  if (year < 1 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return bad;
  if (day < 1 || day > kMonthDays[month - 1] + (month == 2 && is_leap(year))) return bad;
  return days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

std::string format_time(const CivilTime& time, std::string_view format) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      out += format[i];
      continue;
    }
    char fill = 'd';
    char c = format[++i];
    if ((c == '-' || c == '_' || c == '0') && i + 1 < format.size()) {
      fill = c == '-' ? '\0' : c == '_' ? ' ' : '0';
      c = format[++i];
    }
    out += directive(time, c, fill);
  }
  return out;
}

}  // namespace etb::prompt
