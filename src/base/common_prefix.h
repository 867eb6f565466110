// How far two sequences of tokens agree: what decides which keys and values can be used again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "base/token_id.h"

namespace etb {

// The number of first ids that are the same in both.
inline size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                             a.begin());
}

}  // namespace etb
