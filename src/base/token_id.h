// One token of a vocabulary. Unsigned, so that "negative id" cannot be written down; every id that
// comes from outside is still checked against the vocabulary's size.
#pragma once

#include <cstdint>

namespace etb {

using TokenId = uint32_t;

// "No such token" inside tables; no vocabulary is ever this large.
inline constexpr TokenId kNoToken = 0xFFFF'FFFF;

}  // namespace etb
