// What a message can carry besides text: a picture or a sound, as plain numbers. Files are decoded
// by whoever has them (an app has its system's decoders).
//
//   auto photo = media::Media::image({.width = 640, .height = 480, .rgb = pixels});
//   session->submit(Prompt::user("What is this?", {*photo}));
//
// Immutable: any number of threads may hold one.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "base/token_id.h"

namespace etb::media {

enum class Kind : int { Image = 0, Audio = 1 };

std::string_view kind_name(Kind kind);  // "image", "audio"

// 8-bit RGB, interleaved, row by row from the top.
struct Image {
  uint32_t width = 0, height = 0;
  std::vector<uint8_t> rgb = {};
};

// What the model's encoder takes: mel features [batch][bins][frames] or, with bins = 0, samples
// [batch][frames] from -1 to 1 at the rate the model was trained with.
struct Audio {
  uint32_t batch = 1, bins = 0, frames = 0;
  std::vector<float> values = {};
};

// Of an image's side and of an image; of an audio's numbers.
inline constexpr uint32_t kMostSide = 1U << 15;
inline constexpr uint64_t kMostPixels = uint64_t{1} << 26;
inline constexpr uint64_t kMostAudioValues = uint64_t{1} << 26;

class Media {
 public:
  // InvalidArgument: nothing in it, larger than the bounds above, sizes that are not those of the
  // data, or a number that is none (NaN, infinite).
  static Result<std::shared_ptr<const Media>> image(Image image);
  static Result<std::shared_ptr<const Media>> audio(Audio audio);

  Kind kind() const { return static_cast<Kind>(content_.index()); }
  // Precondition: it is of that kind.
  const Image& image() const { return std::get<Image>(content_); }
  const Audio& audio() const { return std::get<Audio>(content_); }
  uint64_t hash() const { return hash_; }  // of kind, sizes and data
  uint64_t bytes() const;

  // The id that stands for its position `index` where ids of a sequence are listed: equal ids mean
  // the same content at the same place of it, as with a token. See is_media_id().
  TokenId id_at(uint32_t index) const;

 private:
  explicit Media(std::variant<Image, Audio> content);

  std::variant<Image, Audio> content_;
  uint64_t hash_ = 0;
};

}  // namespace etb::media
