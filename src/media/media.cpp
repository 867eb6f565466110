#include "media/media.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <xxhash.h>

#include "base/text.h"

namespace etb::media {
namespace {

Status check(const Image& image) {
  if (image.width == 0 || image.height == 0) {
    return {StatusCode::InvalidArgument, "an image without pixels"};
  }
  const uint64_t pixels = uint64_t{image.width} * image.height;
  if (image.width > kMostSide || image.height > kMostSide || pixels > kMostPixels) {
    return {StatusCode::InvalidArgument,
            concat("an image of ", image.width, "x", image.height, " pixels: at most ", kMostSide,
                   " a side and ", kMostPixels, " in all are taken; scale it down first")};
  }
  if (image.rgb.size() == pixels * 3) return {};
  return {StatusCode::InvalidArgument,
          concat("an image of ", image.width, "x", image.height, " pixels has ", pixels * 3,
                 " bytes of RGB, not ", image.rgb.size())};
}

Status check(const Audio& audio) {
  if (audio.batch == 0 || audio.frames == 0) {
    return {StatusCode::InvalidArgument, "an audio without frames"};
  }
  const uint64_t row = uint64_t{std::max(audio.bins, 1U)} * audio.frames;
  if (row > kMostAudioValues || audio.batch > kMostAudioValues / row) {
    return {StatusCode::InvalidArgument,
            concat("an audio of ", audio.batch, "x", audio.bins, "x", audio.frames,
                   " numbers: at most ", kMostAudioValues, " are taken; cut it")};
  }
  if (audio.values.size() != row * audio.batch) {
    return {StatusCode::InvalidArgument,
            concat("an audio of ", audio.batch, "x", audio.bins, "x", audio.frames, " has ",
                   row * audio.batch, " numbers, not ", audio.values.size())};
  }
  const auto bad = std::find_if_not(audio.values.begin(), audio.values.end(),
                                    [](float value) { return std::isfinite(value); });
  if (bad == audio.values.end()) return {};
  return {StatusCode::InvalidArgument,
          concat("number ", bad - audio.values.begin(), " of the audio is not finite")};
}

uint64_t hash_of(const void* data, size_t bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(data, bytes, seed);
}

template <class Content>
Result<std::shared_ptr<const Media>> made(Content content, auto make) {
  ETB_RETURN_IF_ERROR(check(content));
  return std::shared_ptr<const Media>(make(std::move(content)));
}

}  // namespace

std::string_view kind_name(Kind kind) {
  return kind == Kind::Image ? "image" : "audio";
}

Media::Media(std::variant<Image, Audio> content) : content_(std::move(content)) {
  if (kind() == Kind::Image) {
    const uint32_t shape[] = {0, image().width, image().height, 0};
    hash_ = hash_of(image().rgb.data(), image().rgb.size(), hash_of(shape, sizeof shape, 0));
  } else {
    const uint32_t shape[] = {1, audio().batch, audio().bins, audio().frames};
    hash_ = hash_of(audio().values.data(), audio().values.size() * sizeof(float),
                    hash_of(shape, sizeof shape, 0));
  }
}

Result<std::shared_ptr<const Media>> Media::image(Image image) {
  return made(std::move(image), [](Image content) { return new Media(std::move(content)); });
}

Result<std::shared_ptr<const Media>> Media::audio(Audio audio) {
  return made(std::move(audio), [](Audio content) { return new Media(std::move(content)); });
}

uint64_t Media::bytes() const {
  return kind() == Kind::Image ? image().rgb.size() : audio().values.size() * sizeof(float);
}

TokenId Media::id_at(uint32_t index) const {
  const uint64_t mixed = hash_of(&index, sizeof index, hash_);
  return kFirstMediaId | static_cast<TokenId>(mixed & (kFirstMediaId / 2 - 1));
}

}  // namespace etb::media
