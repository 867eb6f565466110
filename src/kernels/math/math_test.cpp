// Our exp, tanh, GELU and sincos against the C library's double-precision ones.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/math/exp.h"
#include "kernels/math/sincos.h"
#include "kernels/testing/random_blob.h"

namespace etb::kernels {
namespace {

// Distance in units of the last place of the float nearest to `exact`.
double ulps(float value, double exact) {
  const float nearest = static_cast<float>(exact);
  const float next = std::nextafter(std::fabs(nearest), INFINITY);
  const double unit = static_cast<double>(next) - std::fabs(static_cast<double>(nearest));
  return std::fabs(static_cast<double>(value) - exact) / unit;
}

TEST(Exp, IsWithinTwoUlpsOverItsWholeRange) {
  double worst = 0;
  for (float x = kExpLowest; x < kExpHighest; x += 0.00037f) {
    worst = std::max(worst, ulps(exp_f32(x), std::exp(static_cast<double>(x))));
  }
  EXPECT_LE(worst, 2.0);
  RecordProperty("worst_ulp", std::to_string(worst));
  std::printf("  exp: worst error %.3f ulp\n", worst);
}

TEST(Exp, HasExactPointsAndEnds) {
  EXPECT_EQ(exp_f32(0.0f), 1.0f);
  EXPECT_EQ(exp_f32(-0.0f), 1.0f);
  EXPECT_EQ(exp_f32(-INFINITY), 0.0f);
  EXPECT_EQ(exp_f32(-88.0f), 0.0f);
  EXPECT_EQ(exp_f32(INFINITY), INFINITY);
  EXPECT_EQ(exp_f32(89.0f), INFINITY);
  EXPECT_EQ(exp_f32(NAN), 0.0f);
  EXPECT_TRUE(std::isfinite(exp_f32(kExpHighest)));
  EXPECT_GT(exp_f32(kExpLowest), 0.0f);
}

TEST(Silu, FollowsItsDefinition) {
  for (float x = -20.0f; x < 20.0f; x += 0.01f) {
    const double exact = static_cast<double>(x) / (1.0 + std::exp(-static_cast<double>(x)));
    EXPECT_NEAR(static_cast<double>(silu_f32(x)), exact, 1e-6 * (std::fabs(exact) + 1e-3));
  }
  EXPECT_TRUE(std::isnan(silu_f32(NAN)));
}

TEST(Tanh, IsWithinTwoUlpsOverItsWholeRange) {
  double worst = 0;
  for (float x = 1e-6f; x < 12.0f; x += 0.00013f) {
    worst = std::max(worst, ulps(tanh_f32(x), std::tanh(static_cast<double>(x))));
    ASSERT_EQ(tanh_f32(-x), -tanh_f32(x)) << x;
  }
  std::printf("  tanh: worst error %.3f ulp\n", worst);
  EXPECT_LE(worst, 2.0);
  EXPECT_EQ(tanh_f32(0.0f), 0.0f);
  EXPECT_EQ(tanh_f32(INFINITY), 1.0f);
  EXPECT_EQ(tanh_f32(-INFINITY), -1.0f);
  EXPECT_TRUE(std::isnan(tanh_f32(NAN)));
}

TEST(Gelu, FollowsItsTanhForm) {
  for (float x = -20.0f; x < 20.0f; x += 0.01f) {
    const double y = static_cast<double>(x);
    const double u = 0.7978845608028654 * (y + 0.044715 * y * y * y);
    const double exact = 0.5 * y * (1.0 + std::tanh(u));
    EXPECT_NEAR(static_cast<double>(gelu_f32(x)), exact, 1e-6 * (std::fabs(exact) + 1e-3)) << x;
  }
  EXPECT_EQ(gelu_f32(1e30f), 1e30f);
  EXPECT_EQ(gelu_f32(-1e15f), 0.0f);
  EXPECT_TRUE(std::isnan(gelu_f32(NAN)));
}

TEST(Softcap, NeverReachesBeyondItsCapAndKeepsSmallValues) {
  for (float x = -500.0f; x < 500.0f; x += 0.1f) {
    const double exact = 30.0 * std::tanh(static_cast<double>(x) / 30.0);
    EXPECT_NEAR(static_cast<double>(softcap_f32(x, 30.0f)), exact, 1e-5);
    EXPECT_LE(std::fabs(softcap_f32(x, 30.0f)), 30.0f);
  }
  EXPECT_NEAR(softcap_f32(0.001f, 30.0f), 0.001f, 1e-9f);
}

TEST(SinCos, AgreesWithTheLibraryToTheLastDigits) {
  testing::Random random(1);
  for (int i = 0; i < 200000; ++i) {
    const double x = static_cast<double>(random.real(i % 2 == 0 ? 10.0f : 1e6f));
    const SinCos ours = sincos_f64(x);
    ASSERT_NEAR(ours.sin, std::sin(x), 4e-16) << x;
    ASSERT_NEAR(ours.cos, std::cos(x), 4e-16) << x;
  }
}

TEST(SinCos, TakesEveryQuadrantAndRefusesTheBoundless) {
  for (int quarter = -9; quarter <= 9; ++quarter) {
    const double x = quarter * 1.5707963267948966;
    EXPECT_NEAR(sincos_f64(x).sin, std::sin(x), 2e-16) << quarter;
    EXPECT_NEAR(sincos_f64(x).cos, std::cos(x), 2e-16) << quarter;
  }
  for (const double x : {1e300, -1e300, static_cast<double>(INFINITY), static_cast<double>(NAN)}) {
    EXPECT_EQ(sincos_f64(x).sin, 0.0);
    EXPECT_EQ(sincos_f64(x).cos, 1.0);
  }
}

}  // namespace
}  // namespace etb::kernels
