// The linear kernels for NEON dotprod: 8 rows at a time, two rows a register. For path_neon.cpp
// only.
#pragma once

#include <arm_neon.h>

#include "kernels/paths/table.h"

namespace etb::kernels {
namespace {

using layout::WeightFormat;

// Eight lanes, one a row.
struct Rows8 {
  float32x4_t low;
  float32x4_t high;
};

inline Rows8 halves_at(const uint8_t* p) {
  uint16x8_t halves = vreinterpretq_u16_u8(vld1q_u8(p));
  return {vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(halves))),
          vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(halves)))};
}

inline Rows8 fma_rows(const Rows8& a, const Rows8& b, const Rows8& c) {
  return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}

inline Rows8 scale_rows(const Rows8& a, float s) {
  const float32x4_t all = vdupq_n_f32(s);
  return {vmulq_f32(a.low, all), vmulq_f32(a.high, all)};
}

inline Rows8 splat_rows(float s) {
  return {vdupq_n_f32(s), vdupq_n_f32(s)};
}

template <WeightFormat F>
struct NeonFormat {
  static constexpr bool kFour = F == WeightFormat::W4S || F == WeightFormat::W4A;
  static constexpr bool kAffine = F == WeightFormat::W4A || F == WeightFormat::W8A;
  static constexpr bool kTwoScales = F == WeightFormat::W8G16;
  static constexpr size_t kHead = kAffine || kTwoScales ? 32 : 16;
  // W4S is kept unsigned, 8 too large; W8A is made signed, 128 too small.
  static constexpr int kZero = F == WeightFormat::W4S ? 8 : F == WeightFormat::W8A ? -128 : 0;

  // Columns 8p..8p+7 of rows 2i, 2i+1.
  static void unpack(const uint8_t* qs, int8x16_t (&w)[4][4]) {
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) {
      const uint8_t* const at = qs + 16 * i;
      if constexpr (kFour) {
        const uint8x16_t a = vld1q_u8(at);
        const uint8x16_t b = vld1q_u8(at + 64);
        w[0][i] = vreinterpretq_s8_u8(vandq_u8(a, vdupq_n_u8(15)));
        w[1][i] = vreinterpretq_s8_u8(vandq_u8(b, vdupq_n_u8(15)));
        w[2][i] = vreinterpretq_s8_u8(vshrq_n_u8(a, 4));
        w[3][i] = vreinterpretq_s8_u8(vshrq_n_u8(b, 4));
      } else {
#pragma GCC unroll 4
        for (size_t p = 0; p < 4; ++p) {
          uint8x16_t bytes = vld1q_u8(at + 64 * p);
          if constexpr (F == WeightFormat::W8A) bytes = veorq_u8(bytes, vdupq_n_u8(128));
          w[p][i] = vreinterpretq_s8_u8(bytes);
        }
      }
    }
  }
};

// Sums of 8 rows over pieces [from, to), `zero` taken off each.
inline Rows8 row_sums(const int8x16_t (&w)[4][4], const int8_t* q, size_t from, size_t to,
                      int32_t zero) {
  int32x4_t sum[4];
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) sum[i] = vdupq_n_s32(0);
#pragma GCC unroll 4
  for (size_t p = from; p < to; ++p) {
    const int8x8_t piece = vld1_s8(q + 8 * p);
    const int8x16_t both = vcombine_s8(piece, piece);
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; ++i) sum[i] = vdotq_s32(sum[i], w[p][i], both);
  }
  const int32x4_t off = vdupq_n_s32(zero);
  return {vcvtq_f32_s32(vsubq_s32(vpaddq_s32(sum[0], sum[1]), off)),
          vcvtq_f32_s32(vsubq_s32(vpaddq_s32(sum[2], sum[3]), off))};
}

template <WeightFormat F>
Rows8 block_step(const int8x16_t (&w)[4][4], const ActBlock& act, const Rows8& d, const Rows8& m,
                 Rows8 acc) {
  using Format = NeonFormat<F>;
  if constexpr (Format::kTwoScales) {  // m is the second scale
    acc = fma_rows(row_sums(w, act.q, 0, 2, 0), scale_rows(d, *act.s), acc);
    return fma_rows(row_sums(w, act.q, 2, 4, 0), scale_rows(m, *act.s), acc);
  }
  const int32_t zero = Format::kZero * *act.sum;
  acc = fma_rows(row_sums(w, act.q, 0, 4, zero), scale_rows(d, *act.s), acc);
  if constexpr (Format::kAffine) acc = fma_rows(m, splat_rows(*act.s_sum), acc);
  return acc;
}

inline void store_rows(float* out, const Rows8& rows) {
  vst1q_f32(out, rows.low);
  vst1q_f32(out + 4, rows.high);
}

template <WeightFormat F, size_t kTokens>
void quantised_neon(const LinearArgs& args, const uint8_t* group, float* out) {
  using Format = NeonFormat<F>;
  Rows8 acc[kTokens];
  for (size_t t = 0; t < kTokens; ++t) acc[t] = splat_rows(0.0f);
  auto* act = const_cast<uint8_t*>(args.quant);
  for (size_t b = 0; b < args.blocks; ++b) {
    const Rows8 d = halves_at(group);
    const Rows8 m = Format::kHead == 32 ? halves_at(group + 16) : d;
    int8x16_t w[4][4];
    Format::unpack(group + Format::kHead, w);
#pragma GCC unroll 8
    for (size_t t = 0; t < kTokens; ++t) {
      acc[t] = block_step<F>(w, act_block(act, kTokens, t), d, m, acc[t]);
    }
    group += layout::block_bytes(F);
    act += kTokens * kActBlockBytes;
  }
  for (size_t t = 0; t < kTokens; ++t) store_rows(out + t * kRowTile, acc[t]);
}

// Column k of 8 rows.
template <WeightFormat F>
Rows8 float_column(const uint8_t* p) {
  if constexpr (F == WeightFormat::F32) {
    return {vreinterpretq_f32_u8(vld1q_u8(p)), vreinterpretq_f32_u8(vld1q_u8(p + 16))};
  } else if constexpr (F == WeightFormat::F16) {
    return halves_at(p);
  } else {
    const uint16x8_t halves = vreinterpretq_u16_u8(vld1q_u8(p));
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)),
            vreinterpretq_f32_u32(vshll_n_u16(vget_high_u16(halves), 16))};
  }
}

template <WeightFormat F, size_t kTokens>
void float_neon(const LinearArgs& args, const uint8_t* group, float* out) {
  constexpr size_t kColumn = layout::block_bytes(F) / kActBlock;
  Rows8 acc[kTokens];
  for (size_t t = 0; t < kTokens; ++t) acc[t] = splat_rows(0.0f);
  for (size_t k = 0; k < args.blocks * kActBlock; ++k) {
    const Rows8 w = float_column<F>(group + k * kColumn);
#pragma GCC unroll 8
    for (size_t t = 0; t < kTokens; ++t) {
      acc[t] = fma_rows(w, splat_rows(args.plain[t * args.plain_stride + k]), acc[t]);
    }
  }
  for (size_t t = 0; t < kTokens; ++t) store_rows(out + t * kRowTile, acc[t]);
}

struct NeonLinear {
  template <WeightFormat F, size_t kTokens>
  static void linear(const LinearArgs& args) {
    for (size_t g = 0; g < 2; ++g) {
      float* const out = args.out + g * layout::kRowGroup;
      if constexpr (F >= WeightFormat::F32) {
        float_neon<F, kTokens>(args, args.group[g], out);
      } else {
        quantised_neon<F, kTokens>(args, args.group[g], out);
      }
    }
  }
};

}  // namespace
}  // namespace etb::kernels
