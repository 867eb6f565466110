// How much scratch memory each operator gets for a chunk of S tokens. The program writer plans it,
// the kernels cut it up: both read the sizes here, so that they cannot disagree. 64-bit arithmetic
// throughout; the program writer refuses what does not fit a tensor.
#pragma once

#include <algorithm>
#include <cstdint>

namespace etb::layout {

// Every piece starts on its own cache line; each total has room to align the first one.
inline constexpr uint64_t kScratchAlign = 64;
constexpr uint64_t scratch_piece(uint64_t bytes) {
  return (bytes + kScratchAlign - 1) / kScratchAlign * kScratchAlign;
}

constexpr uint64_t float_rows_bytes(uint64_t tokens, uint64_t cols) {
  return scratch_piece(tokens * cols * 4);
}

// A quantised activation block: s8[32], f32 scale, f32 scale * sum, i32 sum.
inline constexpr uint64_t kActBlockBytes = 32 + 4 + 4 + 4;
constexpr uint64_t quantised_rows_bytes(uint64_t tokens, uint64_t cols) {
  return scratch_piece(tokens * ((cols + 31) / 32) * kActBlockBytes);
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
// The input; then q, k, v of a token side by side; then attention's result, the second input.
constexpr uint64_t attention_scratch_bytes(const AttentionScratch& s) {
  const uint64_t q_width = s.heads * s.head_dim;
  const uint64_t kv_width = s.kv_heads * s.head_dim;
  return kScratchAlign + linear_input_bytes(s.tokens, s.width) +
         float_rows_bytes(s.tokens, q_width + 2 * kv_width) + linear_input_bytes(s.tokens, q_width);
}

// The normalised input and the hidden layer.
constexpr uint64_t mlp_scratch_bytes(uint64_t tokens, uint64_t width, uint64_t ffn) {
  return kScratchAlign + linear_input_bytes(tokens, width) + linear_input_bytes(tokens, ffn);
}

constexpr uint64_t head_scratch_bytes(uint64_t tokens, uint64_t width) {
  return kScratchAlign + linear_input_bytes(tokens, width);
}

}  // namespace etb::layout
