// The linear oracle: data-path.md section "Bit-exactness", step 3, word for word.
#pragma once

#include <cmath>

#include "kernels/linear/block.h"
#include "kernels/paths/table.h"

namespace etb::kernels::scalar {

// One quantised block of one row against one token: the exact sum over columns [from, to).
template <WeightFormat F>
int32_t integer_dot(const uint8_t* block, size_t row, const int8_t* q, size_t from, size_t to) {
  int32_t sum = 0;
  for (size_t col = from; col < to; ++col) sum += Block<F>::q(block, row, col) * q[col];
  return sum;
}

template <WeightFormat F>
float quantised_step(const uint8_t* block, size_t row, const ActBlock& act, float acc) {
  if constexpr (F == WeightFormat::W8G16) {  // two half blocks, each with its own scale
    for (size_t from = 0; from < kActBlock; from += 16) {
      const int32_t sum = integer_dot<F>(block, row, act.q, from, from + 16);
      acc = std::fma(static_cast<float>(sum), Block<F>::d(block, row, from) * *act.s, acc);
    }
    return acc;
  } else {
    const int32_t sum = integer_dot<F>(block, row, act.q, 0, kActBlock);
    acc = std::fma(static_cast<float>(sum), Block<F>::d(block, row, 0) * *act.s, acc);
    if constexpr (Block<F>::kAffine) acc = std::fma(Block<F>::m(block, row), *act.s_sum, acc);
    return acc;
  }
}

template <WeightFormat F>
float row_dot(const uint8_t* group, size_t row, const LinearArgs& args, size_t tokens, size_t t) {
  float acc = 0.0f;
  for (size_t b = 0; b < args.blocks; ++b) {
    const uint8_t* block = group + b * layout::block_bytes(F);
    if constexpr (F >= WeightFormat::F32) {
      const float* y = args.plain + t * args.plain_stride + b * kActBlock;
      for (size_t col = 0; col < kActBlock; ++col) {
        acc = std::fma(float_weight<F>(block, row, col), y[col], acc);
      }
    } else {
      auto* const act = const_cast<uint8_t*>(args.quant) + b * tokens * kActBlockBytes;
      acc = quantised_step<F>(block, row, act_block(act, tokens, t), acc);
    }
  }
  return acc;
}

template <WeightFormat F, size_t kTokens>
void linear(const LinearArgs& args) {
  for (size_t t = 0; t < kTokens; ++t) {
    for (size_t i = 0; i < kRowTile; ++i) {
      const uint8_t* const group = args.group[i / layout::kRowGroup];
      args.out[t * kRowTile + i] = row_dot<F>(group, i % layout::kRowGroup, args, kTokens, t);
    }
  }
}

}  // namespace etb::kernels::scalar
