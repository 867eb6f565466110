// Reduction by multiples of pi / 2 in three exact pieces, then Taylor series on |r| <= pi / 4.
#include "kernels/math/sincos.h"

#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace etb::kernels {
namespace {

constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
constexpr double kHalfPi1 = 0x1.921fb54442d18p+0;  // pi / 2, and what it lacks, twice
constexpr double kHalfPi2 = 0x1.1a62633145c07p-54;
constexpr double kHalfPi3 = -0x1.f1976b7ed8fbcp-110;
constexpr double kLargest = 67108864.0;  // 2^26
constexpr double kRound = 0x1.8p52;

// r - r^3/3! + ... - r^19/19!
double sin_series(double r) {
  const double z = r * r;
  double p = -1.0 / 121645100408832000.0;
  for (const double c :
       {1.0 / 355687428096000.0, -1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0,
        1.0 / 362880.0, -1.0 / 5040.0, 1.0 / 120.0, -1.0 / 6.0}) {
    p = std::fma(p, z, c);
  }
  return std::fma(p * z, r, r);
}

// 1 - r^2/2! + ... - r^18/18!
double cos_series(double r) {
  const double z = r * r;
  double p = -1.0 / 6402373705728000.0;
  for (const double c : {1.0 / 20922789888000.0, -1.0 / 87178291200.0, 1.0 / 479001600.0,
                         -1.0 / 3628800.0, 1.0 / 40320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0}) {
    p = std::fma(p, z, c);
  }
  return p;
}

}  // namespace

SinCos sincos_f64(double x) {
  if (!(std::fabs(x) <= kLargest)) return {0.0, 1.0};
  const double n = (x * kTwoOverPi + kRound) - kRound;
  double r = std::fma(n, -kHalfPi1, x);
  r = std::fma(n, -kHalfPi2, r);
  r = std::fma(n, -kHalfPi3, r);
  const double s = sin_series(r);
  const double c = cos_series(r);
  switch (static_cast<int64_t>(n) & 3) {
    case 0:
      return {s, c};
    case 1:
      return {c, -s};
    case 2:
      return {-s, -c};
    default:
      return {-c, s};
  }
}

}  // namespace etb::kernels
