// For tests: images by a formula.
#pragma once

#include <cstdint>

#include "media/media.h"

namespace etb::media {

// `level(x, y, channel)` of each byte, cut to 8 bits.
template <class Level>
Image drawn(uint32_t width, uint32_t height, Level level) {
  Image image{.width = width, .height = height};
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) {
      for (uint32_t c = 0; c < 3; ++c) image.rgb.push_back(static_cast<uint8_t>(level(x, y, c)));
    }
  }
  return image;
}

}  // namespace etb::media
