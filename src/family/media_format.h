// Where a family wants images and sounds in its prompts, and what it writes around them. Found by
// the tokens of a vocabulary alone, as chat formats are.
#pragma once

#include <span>
#include <string_view>

#include "family/chat_format.h"
#include "media/media.h"

namespace etb::family {

struct MediaFormat {
  std::string_view name;
  media::Kind kind = media::Kind::Image;
  std::span<const std::string_view> tokens;  // special tokens that the vocabulary has, all
  // What the family's chat template writes where one stands; empty: it writes nothing.
  std::string_view placeholder;
  std::string_view before = {}, after = {};  // around the positions, in the placeholder's stead
};

std::span<const MediaFormat> media_formats();
// The first row of the kind that fits, or null: then nothing stands around the positions.
const MediaFormat* find_media_format(media::Kind kind, const ModelTraits& traits);

}  // namespace etb::family
