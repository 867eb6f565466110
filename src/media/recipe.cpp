#include "media/recipe.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"

namespace etb::media {
namespace {

uint32_t side(double length) {
  return static_cast<uint32_t>(std::clamp(std::floor(length), 1.0, double{kMostSide}));
}

// Sides of the same proportions that cover width x height, one of them exactly.
std::pair<uint32_t, uint32_t> covering(const Image& image, uint32_t width, uint32_t height) {
  const uint64_t by_width = uint64_t{width} * image.height;
  const uint64_t by_height = uint64_t{height} * image.width;
  if (by_width >= by_height) {
    return {width, std::max(height, side(static_cast<double>(by_width) / image.width))};
  }
  return {std::max(width, side(static_cast<double>(by_height) / image.height)), height};
}

// `made` of each byte, channel by channel.
template <class T, class Make>
std::vector<T> planar(const Image& image, Make make) {
  const size_t pixels = size_t{image.width} * image.height;
  std::vector<T> values(pixels * 3);
  for (size_t channel = 0; channel < 3; ++channel) {
    T* const plane = values.data() + channel * pixels;
    for (size_t i = 0; i < pixels; ++i) plane[i] = make(channel, image.rgb[i * 3 + channel]);
  }
  return values;
}

// A number a channel, or one for all of them.
void read_channels(const std::vector<double>& values, std::array<double, 3>& out) {
  for (size_t i = 0; i < 3 && !values.empty(); ++i) out[i] = values[values.size() == 3 ? i : 0];
}

Status read_resample(const std::vector<double>& values, Resample& out) {
  if (values.empty()) return {};
  for (const Resample known : {Resample::Lanczos, Resample::Bilinear, Resample::Bicubic}) {
    if (values.front() != static_cast<double>(static_cast<int>(known))) continue;
    out = known;
    return {};
  }
  return {StatusCode::Unsupported, concat("images are to be resampled by method ", values.front(),
                                          "; known are 1 (Lanczos), 2 (bilinear) and 3 (bicubic)")};
}

bool is_sane(const ImageRecipe& recipe) {
  const auto finite = [](double value) { return std::isfinite(value); };
  return finite(recipe.scale) && std::ranges::all_of(recipe.mean, finite) &&
         std::ranges::all_of(recipe.deviation,
                             [](double value) { return std::isfinite(value) && value > 0; });
}

}  // namespace

Status read_recipe(const SettingOf& setting, ImageRecipe& recipe) {
  const auto says = [&](std::string_view name, bool value) {
    const std::vector<double> said = setting(name);
    return !said.empty() && (said.front() != 0) == value;
  };
  read_channels(setting("image_mean"), recipe.mean);
  read_channels(setting("image_std"), recipe.deviation);
  if (const auto scale = setting("rescale_factor"); !scale.empty()) recipe.scale = scale.front();
  ETB_RETURN_IF_ERROR(read_resample(setting("resample"), recipe.resample));
  if (says("do_rescale", false)) recipe.scale = 1;
  if (says("do_normalize", false)) {
    recipe.mean = {0, 0, 0};
    recipe.deviation = {1, 1, 1};
  }
  if (says("do_center_crop", true)) recipe.fit = Fit::Cover;
  if (is_sane(recipe)) return {};
  return {StatusCode::Corrupt,
          "image_mean, image_std or rescale_factor are no numbers that an image can be scaled by"};
}

Image fitted(const Image& image, uint32_t width, uint32_t height, const ImageRecipe& recipe) {
  if (recipe.fit == Fit::Stretch) return resized(image, width, height, recipe.resample);
  const auto [wide, high] = covering(image, width, height);
  return center_cropped(resized(image, wide, high, recipe.resample), width, height);
}

std::vector<float> planar_floats(const Image& image, const ImageRecipe& recipe) {
  // A channel has only 256 different values.
  std::array<std::array<float, 256>, 3> value{};
  for (size_t channel = 0; channel < 3; ++channel) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const double scaled = static_cast<double>(byte) * recipe.scale;
      value[channel][byte] =
          static_cast<float>((scaled - recipe.mean[channel]) / recipe.deviation[channel]);
    }
  }
  return planar<float>(image, [&](size_t channel, uint8_t byte) { return value[channel][byte]; });
}

std::vector<uint8_t> planar_bytes(const Image& image) {
  return planar<uint8_t>(image, [](size_t, uint8_t byte) { return byte; });
}

}  // namespace etb::media
