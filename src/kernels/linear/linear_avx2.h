// The linear kernels for AVX2: 8 rows at a time. Products of bytes are added in pairs to 16 bits
// (never beyond them: 4-bit weights are small, 8-bit ones are taken by magnitude, with the sign
// moved to the activation), then to 32. For path_avx2.cpp only.
#pragma once

#include <immintrin.h>

#include "kernels/paths/table.h"

namespace etb::kernels {
namespace {

using layout::WeightFormat;

inline __m256 halves_at(const uint8_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

inline __m256i bytes_at(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

template <WeightFormat F>
struct Avx2Format {
  static constexpr bool kFour = F == WeightFormat::W4S || F == WeightFormat::W4A;
  static constexpr bool kAffine = F == WeightFormat::W4A || F == WeightFormat::W8A;
  static constexpr bool kTwoScales = F == WeightFormat::W8G16;
  static constexpr size_t kHead = kAffine || kTwoScales ? 32 : 16;
  // W4S is kept unsigned, 8 too large; W8A is made signed, 128 too small.
  static constexpr int kZero = F == WeightFormat::W4S ? 8 : F == WeightFormat::W8A ? -128 : 0;

  // Columns 8p..8p+7 of rows 0..3 and of rows 4..7.
  static void unpack(const uint8_t* qs, __m256i (&w)[4][2]) {
    for (size_t half = 0; half < 2; ++half) {
      const uint8_t* const at = qs + 32 * half;
      if constexpr (kFour) {
        const __m256i low = _mm256_set1_epi8(15);
        const __m256i a = bytes_at(at);
        const __m256i b = bytes_at(at + 64);
        w[0][half] = _mm256_and_si256(a, low);
        w[1][half] = _mm256_and_si256(b, low);
        w[2][half] = _mm256_and_si256(_mm256_srli_epi16(a, 4), low);
        w[3][half] = _mm256_and_si256(_mm256_srli_epi16(b, 4), low);
      } else {
        for (size_t p = 0; p < 4; ++p) {
          w[p][half] = bytes_at(at + 64 * p);
          if constexpr (F == WeightFormat::W8A) {
            w[p][half] = _mm256_xor_si256(w[p][half], _mm256_set1_epi8(-128));
          }
        }
      }
    }
  }

  // Two neighbouring 32-bit sums a row, of one piece of 8 columns.
  static __m256i products(__m256i w, __m256i q) {
    if constexpr (kFour) return _mm256_maddubs_epi16(w, q);
    return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w));
  }
};

inline __m256i piece_of(const int8_t* q, size_t p) {
  long long value;
  __builtin_memcpy(&value, q + 8 * p, sizeof value);
  return _mm256_set1_epi64x(value);
}

// Sums of 8 rows over pieces [from, to), in row order.
template <WeightFormat F>
__m256i row_sums(const __m256i (&w)[4][2], const int8_t* q, size_t from, size_t to) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i half_sums[2];
  for (size_t half = 0; half < 2; ++half) {
    __m256i sum = _mm256_setzero_si256();
    for (size_t p = from; p < to; ++p) {
      const __m256i pairs = Avx2Format<F>::products(w[p][half], piece_of(q, p));
      if constexpr (Avx2Format<F>::kFour) {  // 4 * 2 * 15 * 127 fits 16 bits
        sum = _mm256_add_epi16(sum, pairs);
      } else {
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
      }
    }
    half_sums[half] = Avx2Format<F>::kFour ? _mm256_madd_epi16(sum, ones) : sum;
  }
  const __m256i mixed = _mm256_hadd_epi32(half_sums[0], half_sums[1]);  // rows 0 1 4 5 | 2 3 6 7
  return _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 1, 4, 5, 2, 3, 6, 7));
}

struct RowScales {
  __m256 d;
  __m256 m;  // the second scale where there are two
};

template <WeightFormat F>
__m256 block_step(const __m256i (&w)[4][2], const ActBlock& act, const RowScales& row, __m256 acc) {
  using Format = Avx2Format<F>;
  const __m256 s = _mm256_set1_ps(*act.s);
  if constexpr (Format::kTwoScales) {
    const __m256 a = _mm256_cvtepi32_ps(row_sums<F>(w, act.q, 0, 2));
    const __m256 b = _mm256_cvtepi32_ps(row_sums<F>(w, act.q, 2, 4));
    acc = _mm256_fmadd_ps(a, _mm256_mul_ps(row.d, s), acc);
    return _mm256_fmadd_ps(b, _mm256_mul_ps(row.m, s), acc);
  }
  __m256i sum = row_sums<F>(w, act.q, 0, 4);
  if constexpr (Format::kZero != 0) {
    sum = _mm256_sub_epi32(sum, _mm256_set1_epi32(Format::kZero * *act.sum));
  }
  acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), _mm256_mul_ps(row.d, s), acc);
  if constexpr (Format::kAffine) acc = _mm256_fmadd_ps(row.m, _mm256_set1_ps(*act.s_sum), acc);
  return acc;
}

template <WeightFormat F, size_t kTokens>
void quantised_avx2(const LinearArgs& args, const uint8_t* group, float* out) {
  using Format = Avx2Format<F>;
  __m256 acc[kTokens];
  for (size_t t = 0; t < kTokens; ++t) acc[t] = _mm256_setzero_ps();
  auto* act = const_cast<uint8_t*>(args.quant);
  for (size_t b = 0; b < args.blocks; ++b) {
    RowScales row{halves_at(group), _mm256_setzero_ps()};
    if constexpr (Format::kHead == 32) row.m = halves_at(group + 16);
    __m256i w[4][2];
    Format::unpack(group + Format::kHead, w);
#pragma GCC unroll 8
    for (size_t t = 0; t < kTokens; ++t) {
      acc[t] = block_step<F>(w, act_block(act, kTokens, t), row, acc[t]);
    }
    group += layout::block_bytes(F);
    act += kTokens * kActBlockBytes;
  }
  for (size_t t = 0; t < kTokens; ++t) _mm256_storeu_ps(out + t * kRowTile, acc[t]);
}

// Column k of 8 rows.
template <WeightFormat F>
__m256 float_column(const uint8_t* p) {
  if constexpr (F == WeightFormat::F32) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(p));
  } else if constexpr (F == WeightFormat::F16) {
    return halves_at(p);
  } else {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
}

template <WeightFormat F, size_t kTokens>
void float_avx2(const LinearArgs& args, const uint8_t* group, float* out) {
  constexpr size_t kColumn = layout::block_bytes(F) / kActBlock;
  __m256 acc[kTokens];
  for (size_t t = 0; t < kTokens; ++t) acc[t] = _mm256_setzero_ps();
  for (size_t k = 0; k < args.blocks * kActBlock; ++k) {
    const __m256 w = float_column<F>(group + k * kColumn);
#pragma GCC unroll 8
    for (size_t t = 0; t < kTokens; ++t) {
      acc[t] = _mm256_fmadd_ps(w, _mm256_set1_ps(args.plain[t * args.plain_stride + k]), acc[t]);
    }
  }
  for (size_t t = 0; t < kTokens; ++t) _mm256_storeu_ps(out + t * kRowTile, acc[t]);
}

struct Avx2Linear {
  template <WeightFormat F, size_t kTokens>
  static void linear(const LinearArgs& args) {
    for (size_t g = 0; g < 2; ++g) {
      float* const out = args.out + g * layout::kRowGroup;
      if constexpr (F >= WeightFormat::F32) {
        float_avx2<F, kTokens>(args, args.group[g], out);
      } else {
        quantised_avx2<F, kTokens>(args, args.group[g], out);
      }
    }
  }
};

}  // namespace
}  // namespace etb::kernels
