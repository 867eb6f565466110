// /sys/class/thermal/thermal_zone*: type, temp, trip_point_N_type, trip_point_N_temp.
#include "platform/thermal.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string_view>

#include "base/text.h"
#include "platform/files.h"

namespace etb {
namespace {

constexpr size_t kTextLimit = 4096;
constexpr int kMostZones = 256;  // a phone has up to a hundred
constexpr int kMostTrips = 16;
// Sensors that are off report absurd values (0 K, INT_MAX); so do trip points that are not set.
constexpr int64_t kColdest = -40'000;
constexpr int64_t kHottest = 200'000;
constexpr int64_t kColdestTrip = 20'000;
// Where a zone only says when it will shut the machine down, slowing begins well before.
constexpr int64_t kBeforeCritical = 10'000;

// Fewer threads would not cool these.
constexpr std::array<std::string_view, 8> kNotOurs = {"bat",   "charger", "wifi", "wlan",
                                                      "modem", "usb",     "nvme", "camera"};

std::string first_line(const std::string& path) {
  const Result<std::string> text = read_text_file(path, kTextLimit);
  return text.ok() ? text->substr(0, text->find('\n')) : std::string();
}

std::optional<int64_t> temperature_in(const std::string& path, int64_t coldest) {
  const std::string text = first_line(path);
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool sane = parsed.ec == std::errc() && value >= coldest && value <= kHottest;
  return sane ? std::optional(value) : std::nullopt;
}

bool is_ours(std::string type) {
  std::transform(type.begin(), type.end(), type.begin(), [](char letter) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  });
  return std::none_of(kNotOurs.begin(), kNotOurs.end(), [&type](std::string_view word) {
    return type.find(word) != std::string::npos;
  });
}

// The lowest passive or hot trip point, else somewhat below the critical one.
std::optional<int64_t> throttle_point(const std::string& folder) {
  std::optional<int64_t> passive;
  std::optional<int64_t> critical;
  for (int trip = 0; trip < kMostTrips; ++trip) {
    const std::string type = first_line(concat(folder, "/trip_point_", trip, "_type"));
    if (type.empty()) break;
    const auto at = temperature_in(concat(folder, "/trip_point_", trip, "_temp"), kColdestTrip);
    if (!at) continue;
    if (type == "passive" || type == "hot") passive = std::min(passive.value_or(*at), *at);
    if (type == "critical") critical = std::min(critical.value_or(*at), *at);
  }
  if (passive) return passive;
  return critical ? std::optional(*critical - kBeforeCritical) : std::nullopt;
}

}  // namespace

ThermalZones ThermalZones::find(const std::string& root) {
  ThermalZones found;
  for (int index = 0; index < kMostZones; ++index) {
    const std::string folder = concat(root, "/sys/class/thermal/thermal_zone", index);
    Zone zone;
    zone.type = first_line(folder + "/type");
    if (zone.type.empty() || !is_ours(zone.type)) continue;  // numbers may have gaps
    const auto throttle = throttle_point(folder);
    if (!throttle) continue;
    zone.throttle = *throttle;
    zone.temperature_file = folder + "/temp";
    found.zones_.push_back(std::move(zone));
  }
  return found;
}

std::optional<ThermalReading> ThermalZones::hottest() const {
  std::optional<ThermalReading> hottest;
  for (const Zone& zone : zones_) {
    const auto now = temperature_in(zone.temperature_file, kColdest);
    if (!now) continue;
    if (hottest && zone.throttle - *now >= hottest->headroom()) continue;
    hottest = ThermalReading{zone.type, *now, zone.throttle};
  }
  return hottest;
}

}  // namespace etb
