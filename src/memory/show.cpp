#include "memory/show.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace etb::memory {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

}  // namespace

std::string mebibytes(uint64_t bytes) {
  // Rounded to nearest: a limit of 7.96 MiB reads "8.0 MiB".
  const uint64_t tenths = bytes / kMiB * 10 + (bytes % kMiB * 10 + kMiB / 2) / kMiB;
  if (tenths < 100) return concat(tenths / 10, ".", tenths % 10, " MiB");
  return concat((tenths + 5) / 10, " MiB");
}

std::string one_decimal(double value) {
  const double sane = std::clamp(std::isnan(value) ? 0.0 : value, -1e15, 1e15);
  const int64_t tenths = std::llround(sane * 10);
  const int64_t size = std::abs(tenths);
  return concat(tenths < 0 ? "-" : "", size / 10, ".", size % 10);
}

uint64_t add_saturating(uint64_t a, uint64_t b) {
  return a > kMost - b ? kMost : a + b;
}

uint64_t multiply_saturating(uint64_t a, uint64_t b) {
  return b != 0 && a > kMost / b ? kMost : a * b;
}

uint64_t less(uint64_t bytes, uint64_t taken) {
  return bytes - std::min(bytes, taken);
}

}  // namespace etb::memory
