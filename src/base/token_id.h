// One token of a vocabulary. Unsigned, so that "negative id" cannot be written down; every id that
// comes from outside is still checked against the vocabulary's size.
#pragma once

#include <cstdint>

namespace etb {

using TokenId = uint32_t;

// "No such token" inside tables; no vocabulary is ever this large.
inline constexpr TokenId kNoToken = 0xFFFF'FFFF;

// Where the ids of a sequence are listed, those from here on stand for positions that are no token
// but part of an image or a sound (media/media.h); no vocabulary is that large.
inline constexpr TokenId kFirstMediaId = 0x8000'0000;
inline constexpr bool is_media_id(TokenId id) {
  return id >= kFirstMediaId && id != kNoToken;
}

}  // namespace etb
