#include "media/media.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace etb::media {
namespace {

Image grey(uint32_t width, uint32_t height, uint8_t level = 128) {
  return {.width = width,
          .height = height,
          .rgb = std::vector<uint8_t>(size_t{width} * height * 3, level)};
}

TEST(Media, TakesWhatItsSizesSay) {
  const auto image = Media::image(grey(4, 3));
  ASSERT_TRUE(image.ok()) << image.status().to_string();
  EXPECT_EQ((*image)->kind(), Kind::Image);
  EXPECT_EQ((*image)->bytes(), 36u);
  const auto audio =
      Media::audio({.batch = 2, .bins = 3, .frames = 4, .values = std::vector<float>(24)});
  ASSERT_TRUE(audio.ok()) << audio.status().to_string();
  EXPECT_EQ((*audio)->kind(), Kind::Audio);
  EXPECT_EQ((*audio)->bytes(), 96u);
  EXPECT_TRUE(Media::audio({.frames = 5, .values = std::vector<float>(5)}).ok()) << "samples";
}

TEST(Media, RefusesWhatCannotBe) {
  const auto refused = [](const auto& made) {
    return made.status().code() == StatusCode::InvalidArgument;
  };
  EXPECT_TRUE(refused(Media::image({})));
  Image torn = grey(4, 3);
  torn.rgb.pop_back();
  EXPECT_TRUE(refused(Media::image(torn)));
  EXPECT_TRUE(refused(Media::image({.width = 1U << 31, .height = 1U << 31, .rgb = {}})));
  EXPECT_TRUE(refused(Media::image({.width = kMostSide, .height = kMostSide, .rgb = {}})));
  EXPECT_TRUE(refused(Media::audio({})));
  EXPECT_TRUE(refused(Media::audio({.frames = 2, .values = {0, NAN}})));
  EXPECT_TRUE(refused(Media::audio({.frames = 2, .values = {0}})));
  EXPECT_TRUE(refused(Media::audio({.batch = 1U << 31, .bins = 1U << 31, .frames = 1U << 31})));
}

TEST(Media, IsToldByItsContent) {
  const auto one = Media::image(grey(4, 3)).value();
  EXPECT_EQ(one->hash(), Media::image(grey(4, 3)).value()->hash());
  EXPECT_NE(one->hash(), Media::image(grey(3, 4)).value()->hash()) << "another shape";
  EXPECT_NE(one->hash(), Media::image(grey(4, 3, 129)).value()->hash());
}

TEST(Media, ItsPositionsHaveIdsOfTheirOwn) {
  const auto one = Media::image(grey(4, 3)).value();
  const auto other = Media::image(grey(4, 3, 129)).value();
  std::set<TokenId> ids;
  for (uint32_t i = 0; i < 256; ++i) {
    for (const auto& media : {one, other}) {
      EXPECT_TRUE(is_media_id(media->id_at(i)));
      ids.insert(media->id_at(i));
    }
  }
  EXPECT_EQ(ids.size(), 512u);
  EXPECT_EQ(one->id_at(7), Media::image(grey(4, 3)).value()->id_at(7));
  EXPECT_FALSE(is_media_id(kNoToken));
  EXPECT_FALSE(is_media_id(300'000));
}

}  // namespace
}  // namespace etb::media
