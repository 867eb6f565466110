// For tests of the stream: a clock that stands still, and where a text with stop strings ends by
// the definition alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"

namespace etb::stream {

class FakeClock final : public Clock {
 public:
  int64_t now_ns() const override { return now; }
  int64_t wall_seconds() const override { return 0; }
  int64_t now = 0;
};

// Feed characters one by one; over when any stop string is a suffix: the longest such one is cut
// off.
inline std::string cut_by_definition(const std::string& text,
                                     const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

}  // namespace etb::stream
