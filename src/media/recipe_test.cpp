#include "media/recipe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "media/test_images.h"

namespace etb::media {
namespace {

Image striped(uint32_t width, uint32_t height) {
  return drawn(width, height, [](uint32_t x, uint32_t, uint32_t c) { return x * 20 + c; });
}

TEST(Recipe, NormalisesEachChannelForItself) {
  const ImageRecipe recipe{.scale = 1.0 / 255, .mean = {0.5, 0.25, 0}, .deviation = {0.5, 0.25, 2}};
  const Image image{.width = 2, .height = 1, .rgb = {0, 0, 0, 255, 255, 255}};
  EXPECT_EQ(planar_floats(image, recipe), (std::vector<float>{-1, 1, -1, 3, 0, 0.5F}))
      << "red, red, green, green, blue, blue";
  EXPECT_EQ(planar_bytes(image), (std::vector<uint8_t>{0, 255, 0, 255, 0, 255}));
}

TEST(Recipe, StretchIgnoresProportions) {
  const Image made = fitted(striped(12, 4), 4, 4, {});
  EXPECT_EQ(made.rgb, resized(striped(12, 4), 4, 4, Resample::Bilinear).rgb);
}

TEST(Recipe, CoverCutsTheLongerSide) {
  const ImageRecipe cover{.fit = Fit::Cover};
  for (const auto& [width, height] : {std::pair<uint32_t, uint32_t>{12, 4}, {4, 12}, {7, 5}}) {
    const Image made = fitted(striped(width, height), 4, 4, cover);
    EXPECT_EQ(made.width, 4u);
    EXPECT_EQ(made.height, 4u);
  }
  const Image wide = fitted(striped(12, 4), 4, 4, cover);
  EXPECT_EQ(wide.rgb[0], 80) << "columns 4 to 7 of twelve";
  EXPECT_EQ(wide.rgb[9], 140);
}

TEST(Recipe, AnExtremeShapeStillFits) {
  const Image made = fitted(striped(1000, 1), 4, 4, {.fit = Fit::Cover});
  EXPECT_EQ(made.rgb.size(), 48u);
}

SettingOf settings(std::map<std::string, std::vector<double>, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) {
    const auto found = values.find(name);
    return found == values.end() ? std::vector<double>() : found->second;
  };
}

TEST(Recipe, ObeysWhatAProcessorSays) {
  ImageRecipe recipe;
  ASSERT_TRUE(read_recipe(settings({{"image_mean", {0.1, 0.2, 0.3}},
                                    {"image_std", {0.25}},
                                    {"rescale_factor", {0.5}},
                                    {"resample", {3}},
                                    {"do_center_crop", {1}},
                                    {"do_normalize", {1}}}),
                          recipe)
                  .ok());
  EXPECT_EQ(recipe, (ImageRecipe{.resample = Resample::Bicubic,
                                 .fit = Fit::Cover,
                                 .scale = 0.5,
                                 .mean = {0.1, 0.2, 0.3},
                                 .deviation = {0.25, 0.25, 0.25}}));
}

TEST(Recipe, WhatIsNotSaidStays) {
  ImageRecipe recipe;
  ASSERT_TRUE(read_recipe(settings({}), recipe).ok());
  EXPECT_EQ(recipe, ImageRecipe());
}

TEST(Recipe, StepsCanBeLeftOut) {
  ImageRecipe recipe;
  ASSERT_TRUE(
      read_recipe(settings({{"do_rescale", {0}}, {"do_normalize", {0}}, {"image_std", {9}}}),
                  recipe)
          .ok());
  const Image image{.width = 1, .height = 1, .rgb = {0, 7, 255}};
  EXPECT_EQ(planar_floats(image, recipe), (std::vector<float>{0, 7, 255}));
}

TEST(Recipe, RefusesWhatCannotBe) {
  const auto code = [](auto values) {
    ImageRecipe recipe;
    return read_recipe(settings(values), recipe).code();
  };
  using Values = std::map<std::string, std::vector<double>, std::less<>>;
  EXPECT_EQ(code(Values{{"image_std", {0}}}), StatusCode::Corrupt);
  EXPECT_EQ(code(Values{{"image_mean", {NAN, 0, 0}}}), StatusCode::Corrupt);
  EXPECT_EQ(code(Values{{"rescale_factor", {INFINITY}}}), StatusCode::Corrupt);
  EXPECT_EQ(code(Values{{"resample", {0}}}), StatusCode::Unsupported) << "nearest";
}

}  // namespace
}  // namespace etb::media
