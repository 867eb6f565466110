// The methods by which a stock file takes images and sounds: encoders that turn them into rows of
// embeddings, and a text decoder that takes such rows, and those of its tokens, instead of ids.
// Pure: read from the summary alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"
#include "media/media.h"
#include "model/pte_summary.h"

namespace etb::model {

inline constexpr std::string_view kTextDecoder = "text_decoder";
inline constexpr std::string_view kTokenEmbedding = "token_embedding";
inline constexpr std::string_view kVisionEncoder = "vision_encoder";
inline constexpr std::string_view kAudioEncoder = "audio_encoder";

// [..., 3, height, width] with ones before.
struct ImageEncoder {
  ScalarType type = ScalarType::Float;  // Byte: 0 to 255, the encoder normalises them itself
  size_t rank = 4;
  uint32_t height = 0, width = 0;
  uint32_t positions = 0;  // of an image
};

// [batch, bins, frames] of mel features; with bins = 0 samples, [batch, frames] or
// [batch, 1, frames]. The numbers are upper bounds where the shape is dynamic.
struct AudioEncoder {
  ScalarType type = ScalarType::Float;
  size_t rank = 3;
  uint32_t batch = 0, bins = 0, frames = 0;
  bool dynamic = false;
  uint32_t positions = 0;  // at the bounds
};

struct MediaMethods {
  uint32_t width = 0;                   // numbers of an embedding
  ScalarType type = ScalarType::Float;  // of the embeddings
  std::optional<ImageEncoder> image;
  std::optional<AudioEncoder> audio;

  bool none() const { return !image && !audio; }
  // Positions that it takes in a sequence. Unsupported: the model has no encoder for its kind.
  // InvalidArgument: an audio of sizes that the encoder does not take, with those it does.
  Result<uint32_t> positions_of(const media::Media& media) const;
};

// Without encoders for a file that has no text decoder. Unsupported, naming the method and what of
// it is not so, where they do not fit together.
Result<MediaMethods> media_methods(const PteSummary& summary);

}  // namespace etb::model
