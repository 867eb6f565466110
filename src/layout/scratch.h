// How much scratch memory each operator gets for a chunk of S tokens. The program writer plans it,
// the kernels cut it up: both read the sizes here, so that they cannot disagree. 64-bit arithmetic
// throughout; the program writer refuses what does not fit a tensor.
#pragma once

#include <algorithm>
#include <cstdint>

namespace etb::layout {

// Every piece starts on its own cache line.
constexpr uint64_t scratch_piece(uint64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

// Kernels work on whole tiles of activation rows.
inline constexpr uint64_t kScratchRowTile = 16;
constexpr uint64_t scratch_rows(uint64_t tokens) {
  return (tokens + kScratchRowTile - 1) / kScratchRowTile * kScratchRowTile;
}

constexpr uint64_t float_rows_bytes(uint64_t tokens, uint64_t cols) {
  return scratch_piece(scratch_rows(tokens) * cols * 4);
}

// A quantised activation block: s8[32], f32 scale, f32 scale * sum, i32 sum.
inline constexpr uint64_t kActBlockBytes = 32 + 4 + 4 + 4;
constexpr uint64_t quantised_rows_bytes(uint64_t tokens, uint64_t cols) {
  return scratch_piece(scratch_rows(tokens) * ((cols + 31) / 32) * kActBlockBytes);
}

// An operator's input before a linear: normalised floats, and their quantised blocks.
constexpr uint64_t linear_input_bytes(uint64_t tokens, uint64_t cols) {
  return float_rows_bytes(tokens, cols) + quantised_rows_bytes(tokens, cols);
}

struct AttentionScratch {
  uint64_t tokens = 0;
  uint64_t width = 0;
  uint64_t heads = 0;
  uint64_t kv_heads = 0;
  uint64_t head_dim = 0;
};
// q, k, v, attention's result [S, ...] as floats, and the wider of the two linear inputs.
constexpr uint64_t attention_scratch_bytes(const AttentionScratch& s) {
  const uint64_t q_width = s.heads * s.head_dim;
  return 2 * float_rows_bytes(s.tokens, q_width) +
         2 * float_rows_bytes(s.tokens, s.kv_heads * s.head_dim) +
         linear_input_bytes(s.tokens, std::max(s.width, q_width));
}

// gate and up [S, ffn] as floats, the normalised input, and the quantised gated rows.
constexpr uint64_t mlp_scratch_bytes(uint64_t tokens, uint64_t width, uint64_t ffn) {
  return 2 * float_rows_bytes(tokens, ffn) + linear_input_bytes(tokens, width) +
         linear_input_bytes(tokens, ffn);
}

constexpr uint64_t head_scratch_bytes(uint64_t tokens, uint64_t width) {
  return linear_input_bytes(tokens, width);
}

}  // namespace etb::layout
