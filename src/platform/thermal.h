// How warm the machine is: its thermal zones, each against the temperature at which the system
// begins to slow it down.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace etb {

// Thousandths of a degree Celsius, as the kernel counts.
struct ThermalReading {
  std::string zone;         // its type: "cpu-thermal", "skin"
  int64_t temperature = 0;  // now
  int64_t throttle = 0;     // where the system begins to slow down
  int64_t headroom() const { return throttle - temperature; }
};

// The zones and their trip points are looked up once; a reading asks only for temperatures.
class ThermalZones {
 public:
  // `root` is put before /sys. A machine without zones (a virtual one, or one that hides them) is
  // no error: it has nothing to say.
  static ThermalZones find(const std::string& root = "");

  // The zone closest to being slowed down (or furthest beyond); nothing if no zone can be read.
  std::optional<ThermalReading> hottest() const;
  size_t count() const { return zones_.size(); }

 private:
  struct Zone {
    std::string type;
    std::string temperature_file;
    int64_t throttle = 0;
  };
  std::vector<Zone> zones_;
};

}  // namespace etb
