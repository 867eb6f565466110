// Scaled images against Pillow's own, byte for byte (tests/references/media/record_resize.py).
#include "media/resize.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "media/test_images.h"

namespace etb::media {
namespace {

// As in record_resize.py.
Image formula(uint32_t width, uint32_t height) {
  return drawn(width, height, [](uint32_t x, uint32_t y, uint32_t c) {
    if (c == 0) return x * x * 7 + y * 29;
    if (c == 1) return x * 61 + y * y * 3;
    return (x + y) % 3 == 0 ? 255 : x * y;
  });
}

std::string hex(const std::vector<uint8_t>& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

TEST(Resize, GivesPillowsBytes) {
  std::ifstream file(std::string(ETB_SOURCE_DIR) + "/tests/references/media/resize.txt");
  std::string line;
  std::getline(file, line);  // says what made it
  int cases = 0;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    int filter = 0;
    uint32_t width = 0, height = 0, new_width = 0, new_height = 0;
    std::string bytes;
    fields >> filter >> width >> height >> new_width >> new_height >> bytes;
    ASSERT_TRUE(fields) << line.substr(0, 40);
    const Image made =
        resized(formula(width, height), new_width, new_height, static_cast<Resample>(filter));
    EXPECT_EQ(made.width, new_width);
    EXPECT_EQ(made.height, new_height);
    EXPECT_EQ(hex(made.rgb), bytes) << "case " << line.substr(0, 20);
    ++cases;
  }
  EXPECT_EQ(cases, 30);
}

TEST(Resize, AnImageOfThatSizeStaysAsItIs) {
  const Image image = formula(9, 4);
  EXPECT_EQ(resized(image, 9, 4, Resample::Lanczos).rgb, image.rgb);
}

TEST(CenterCrop, KeepsTheMiddle) {
  const Image image = formula(5, 4);
  const Image cut = center_cropped(image, 3, 2);
  ASSERT_EQ(cut.rgb.size(), 3u * 2 * 3);
  for (size_t y = 0; y < 2; ++y) {
    for (size_t i = 0; i < 9; ++i) {
      EXPECT_EQ(cut.rgb[y * 9 + i], image.rgb[(y + 1) * 15 + 3 + i]);
    }
  }
}

TEST(CenterCrop, FillsWithBlackWhereTheImageIsSmaller) {
  const Image image = formula(2, 1);
  const Image filled = center_cropped(image, 4, 3);
  ASSERT_EQ(filled.rgb.size(), 36u);
  const std::vector<uint8_t> middle(filled.rgb.begin() + 12 + 3, filled.rgb.begin() + 12 + 9);
  EXPECT_EQ(middle, image.rgb);
  int lit = 0;
  for (const uint8_t byte : filled.rgb) lit += byte != 0;
  int lit_before = 0;
  for (const uint8_t byte : image.rgb) lit_before += byte != 0;
  EXPECT_EQ(lit, lit_before) << "the rest is black";
}

}  // namespace
}  // namespace etb::media
