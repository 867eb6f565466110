// Time as an argument, so that tests can set it. Nanoseconds of a monotonic clock; wall time in
// seconds since 1970 for what people read (strftime_now).
#pragma once

#include <cstdint>

namespace etb {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t now_ns() const = 0;        // monotonic; the origin is arbitrary
  virtual int64_t wall_seconds() const = 0;  // UTC

  // The machine's clock. Stateless: this is no shared mutable thing.
  static const Clock& system();
};

inline double elapsed_ms(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) * 1e-6;
}

}  // namespace etb
