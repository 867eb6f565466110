// How an image becomes what a vision encoder takes: as the model's processor did it in training.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "media/media.h"
#include "media/resize.h"

namespace etb::media {

enum class Fit : int {
  Stretch = 0,  // to the encoder's sides, whatever the image's are
  Cover = 1,    // the shorter side fits, the longer one is cut at both ends
};

// value = (byte * scale - mean) / deviation, a channel (red, green, blue). The defaults are those
// of SigLIP encoders.
struct ImageRecipe {
  Resample resample = Resample::Bilinear;
  Fit fit = Fit::Stretch;
  double scale = 1.0 / 255;
  std::array<double, 3> mean = {0.5, 0.5, 0.5};
  std::array<double, 3> deviation = {0.5, 0.5, 0.5};

  bool operator==(const ImageRecipe&) const = default;
};

// What a setting of that name says: a number, several, or (no numbers) nothing. True is 1.
using SettingOf = std::function<std::vector<double>(std::string_view name)>;

// Obeys image_mean, image_std, rescale_factor, resample, do_rescale, do_normalize, do_center_crop:
// what Hugging Face's image processors are configured by. What is not said stays as
// in `recipe`. Corrupt: numbers that no image can be scaled by; Unsupported: another resampling.
Status read_recipe(const SettingOf& setting, ImageRecipe& recipe);

// width x height pixels. Preconditions as resized() has them.
Image fitted(const Image& image, uint32_t width, uint32_t height, const ImageRecipe& recipe);

// Channel by channel: [3][height][width].
std::vector<float> planar_floats(const Image& image, const ImageRecipe& recipe);
std::vector<uint8_t> planar_bytes(const Image& image);

}  // namespace etb::media
