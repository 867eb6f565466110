// Scaling images as Pillow does it, to the byte, since the processors that models are trained with
// do it so: across, then down, over windows that widen where an image shrinks, in fixed point.
#pragma once

#include <cstdint>

#include "media/media.h"

namespace etb::media {

enum class Resample : int { Lanczos = 1, Bilinear = 2, Bicubic = 3 };  // Pillow's numbers

// Preconditions: image was checked (Media::image), 0 < width, height <= kMostSide.
Image resized(const Image& image, uint32_t width, uint32_t height, Resample resample);

// The part of `image` around its middle. Where it is smaller, the rest is black.
Image center_cropped(const Image& image, uint32_t width, uint32_t height);

}  // namespace etb::media
