#include "runner/exact_math.h"

#include <bit>
#include <cstdint>

namespace etb::runner {
namespace {

// ln 2 in two parts: the first has its low 21 bits zero, so that k * kLn2High is exact for |k| <
// 2^20.
constexpr double kLn2High = 0x1.62e42fee00000p-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInvLn2 = 0x1.71547652b82fep+0;
// Adding and taking off 1.5 * 2^52 rounds to an integer, ties to even, which then stands in the low
// bits.
constexpr double kRound = 0x1.8p52;

// Taylor series of exp on |r| <= ln2 / 2; the first left-out term is below 1e-17.
double exp_series(double r) {
  double p = 1.0 / 87178291200.0;
  p = p * r + 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  return p * r + 1.0;
}

}  // namespace

double exact_exp(double x) {
  if (!(x < 0)) return 1.0;
  if (x < -708.0) return 0.0;
  const double shifted = x * kInvLn2 + kRound;
  const double k = shifted - kRound;
  const double r = (x - k * kLn2High) - k * kLn2Low;
  // k lies in [-1022, 0]: the scale is a normal number and the product exact or nearly so.
  const auto exponent = static_cast<uint64_t>(static_cast<int64_t>(k) + 1023);
  return exp_series(r) * std::bit_cast<double>(exponent << 52);
}

double exact_log(double x) {
  const auto bits = std::bit_cast<uint64_t>(x);
  auto exponent = static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000F'FFFF'FFFF'FFFFULL) | (uint64_t{1023} << 52));
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 atanh(f), f = (m - 1) / (m + 1), |f| <= 0.172: 12 odd terms leave less than 1e-19.
  const double f = (m - 1.0) / (m + 1.0);
  const double f2 = f * f;
  double p = 1.0 / 23.0;
  for (int n = 21; n >= 1; n -= 2) p = p * f2 + 1.0 / static_cast<double>(n);
  const auto k = static_cast<double>(exponent);
  return k * kLn2High + (k * kLn2Low + 2.0 * f * p);
}

}  // namespace etb::runner
