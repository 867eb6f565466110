// Quantised activations, as the linear kernels read them. Tokens stand in tiles of kTokenTile (the
// last tile holds what is left); a tile is cols / 32 blocks in k order, and a block of T tokens is
//
//   s8 q[T][32]   f32 s[T]   f32 s_sum[T]   s32 sum[T]      y = s * q;  s_sum = s * float(sum)
//
// so a token costs 44 bytes a block whatever the tile, and token t's tile starts at t * blocks
// * 44.
#pragma once

#include <cstddef>
#include <cstdint>

#include "layout/scratch.h"

namespace etb::kernels {

using layout::kActBlockBytes;
inline constexpr size_t kTokenTile = 8;
inline constexpr size_t kActBlock = 32;

// Where the parts of token t's block lie in a block of `tokens` tokens.
struct ActBlock {
  int8_t* q;
  float* s;
  float* s_sum;
  int32_t* sum;
};

[[gnu::always_inline]] inline ActBlock act_block(uint8_t* block, size_t tokens, size_t t) {
  auto* const floats = reinterpret_cast<float*>(block + 32 * tokens);
  return {reinterpret_cast<int8_t*>(block) + 32 * t, floats + t, floats + tokens + t,
          reinterpret_cast<int32_t*>(floats + 2 * tokens) + t};
}

// The activations of one matrix product: both forms, since a quantised blob reads one and a float
// blob the other. Views scratch memory; `quant` is 64-byte aligned.
struct Activations {
  uint8_t* quant = nullptr;
  float* plain = nullptr;  // [tokens][cols]; null if no blob of this product needs it
  size_t tokens = 0;
  size_t cols = 0;

  size_t blocks() const { return cols / kActBlock; }
  // Tokens of the tile that holds token t, and its first.
  static size_t tile_begin(size_t t) { return t / kTokenTile * kTokenTile; }
  size_t tile_tokens(size_t t) const {
    const size_t left = tokens - tile_begin(t);
    return left < kTokenTile ? left : kTokenTile;
  }
  uint8_t* tile(size_t t) const { return quant + tile_begin(t) * blocks() * kActBlockBytes; }
  uint8_t* block(size_t t, size_t b) const { return tile(t) + b * tile_tokens(t) * kActBlockBytes; }
};

}  // namespace etb::kernels
