// How much scratch memory each operator gets for a chunk of S tokens. The program writer plans it,
// the kernels cut it up: both read the sizes here, so that they cannot disagree. A kernel's sizes
// come from a file: a result that 64 bits do not hold is kTooMuchScratch, more than any memory has,
// so that the kernel refuses it.
#pragma once

#include <cstdint>
#include <limits>

namespace etb::layout {

inline constexpr uint64_t kTooMuchScratch = std::numeric_limits<uint64_t>::max();

// Sum and product that stay at kTooMuchScratch once they are there.
constexpr uint64_t scratch_sum(uint64_t a, uint64_t b) {
  return a > kTooMuchScratch - b ? kTooMuchScratch : a + b;
}
constexpr uint64_t scratch_product(uint64_t a, uint64_t b) {
  return b != 0 && a > kTooMuchScratch / b ? kTooMuchScratch : a * b;
}

// Every piece starts on its own cache line; each total has room to align the first one.
inline constexpr uint64_t kScratchAlign = 64;
constexpr uint64_t scratch_piece(uint64_t bytes) {
  if (bytes > kTooMuchScratch - kScratchAlign) return kTooMuchScratch;
  return (bytes + kScratchAlign - 1) / kScratchAlign * kScratchAlign;
}

constexpr uint64_t float_rows_bytes(uint64_t tokens, uint64_t cols) {
  return scratch_piece(scratch_product(scratch_product(tokens, cols), 4));
}

// A quantised activation block: s8[32], f32 scale, f32 scale * sum, i32 sum.
inline constexpr uint64_t kActBlockBytes = 32 + 4 + 4 + 4;
constexpr uint64_t quantised_rows_bytes(uint64_t tokens, uint64_t cols) {
  const uint64_t blocks = cols / 32 + (cols % 32 != 0 ? 1 : 0);
  return scratch_piece(scratch_product(scratch_product(tokens, blocks), kActBlockBytes));
}

// An operator's input before a linear: normalised floats, and their quantised blocks.
constexpr uint64_t linear_input_bytes(uint64_t tokens, uint64_t cols) {
  return scratch_sum(float_rows_bytes(tokens, cols), quantised_rows_bytes(tokens, cols));
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
  const uint64_t q_width = scratch_product(s.heads, s.head_dim);
  const uint64_t kv_width = scratch_product(s.kv_heads, s.head_dim);
  const uint64_t qkv_width = scratch_sum(q_width, scratch_product(2, kv_width));
  const uint64_t inputs =
      scratch_sum(linear_input_bytes(s.tokens, s.width), linear_input_bytes(s.tokens, q_width));
  const uint64_t all = scratch_sum(inputs, float_rows_bytes(s.tokens, qkv_width));
  return scratch_sum(kScratchAlign, all);
}

// The normalised input and the hidden layer.
constexpr uint64_t mlp_scratch_bytes(uint64_t tokens, uint64_t width, uint64_t ffn) {
  const uint64_t all =
      scratch_sum(linear_input_bytes(tokens, width), linear_input_bytes(tokens, ffn));
  return scratch_sum(kScratchAlign, all);
}

constexpr uint64_t head_scratch_bytes(uint64_t tokens, uint64_t width) {
  return scratch_sum(kScratchAlign, linear_input_bytes(tokens, width));
}

}  // namespace etb::layout
