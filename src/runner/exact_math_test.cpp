// exp and log against long double, and their bits against values recorded once: a machine on which
// these differ would draw other tokens from the same seed.
#include "runner/exact_math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace etb::runner {
namespace {

TEST(ExactMath, ExpIsWithinAFewUnitsOfTheTruth) {
  for (int i = 0; i <= 200'000; ++i) {
    const double x = -700.0 * i / 200'000;
    const long double truth = std::exp(static_cast<long double>(x));
    ASSERT_LT(std::abs(exact_exp(x) - truth), truth * 1e-15L) << x;
  }
}

TEST(ExactMath, ExpAtItsEdges) {
  EXPECT_EQ(exact_exp(0.0), 1.0);
  EXPECT_EQ(exact_exp(-0.0), 1.0);
  EXPECT_EQ(exact_exp(3.0), 1.0);
  EXPECT_EQ(exact_exp(-709.0), 0.0);
  EXPECT_EQ(exact_exp(-std::numeric_limits<double>::infinity()), 0.0);
  EXPECT_GT(exact_exp(-708.0), 0.0);
}

TEST(ExactMath, ExpNeverFallsWhenItsArgumentRises) {
  double before = 0;
  for (int i = 0; i < 100'000; ++i) {
    const double value = exact_exp(-20.0 + 2e-4 * i);
    ASSERT_GE(value, before);
    before = value;
  }
}

TEST(ExactMath, LogIsWithinAFewUnitsOfTheTruth) {
  for (double x = 1e-300; x < 1e300; x *= 1.013) {
    const long double truth = std::log(static_cast<long double>(x));
    ASSERT_LT(std::abs(exact_log(x) - truth), std::abs(truth) * 1e-15L + 1e-16L) << x;
  }
  for (int i = 1; i < 1000; ++i) {
    const double x = 1.0 + i * 1e-5;
    const long double truth = std::log(static_cast<long double>(x));
    ASSERT_LT(std::abs(exact_log(x) - truth), truth * 1e-15L) << x;
  }
  EXPECT_EQ(exact_log(1.0), 0.0);
}

TEST(ExactMath, BitsAreTheSameEverywhere) {
  const double arguments[] = {-0.001, -0.5, -1.0, -3.14159, -17.25, -104.0, -650.5};
  uint64_t bits = 0;
  for (const double x : arguments) {
    bits = bits * 31 + std::bit_cast<uint64_t>(exact_exp(x));
    bits = bits * 31 + std::bit_cast<uint64_t>(exact_log(-x));
  }
  EXPECT_EQ(bits, uint64_t{2068293586329898585U});
}

}  // namespace
}  // namespace etb::runner
