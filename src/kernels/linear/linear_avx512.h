// The linear kernels for AVX-512 VNNI: 16 rows in the lanes of one register. A block's 8-byte
// pieces give each row two neighbouring integer sums; a permute brings the 16 row sums together,
// exactly. For path_avx512.cpp only.
#pragma once

#include <immintrin.h>

#include "kernels/paths/table.h"

namespace etb::kernels {
namespace {

using layout::WeightFormat;

inline __m512 halves_of(const uint8_t* a, const uint8_t* b) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b));
  return _mm512_cvtph_ps(_mm256_set_m128i(high, low));
}

inline __m512i bytes_at(const uint8_t* p) {
  return _mm512_loadu_si512(p);
}

template <WeightFormat F>
struct Avx512Format {
  static constexpr bool kFour = F == WeightFormat::W4S || F == WeightFormat::W4A;
  static constexpr bool kAffine = F == WeightFormat::W4A || F == WeightFormat::W8A;
  static constexpr bool kTwoScales = F == WeightFormat::W8G16;
  static constexpr bool kSigned8 = F == WeightFormat::W8S || F == WeightFormat::W8G16;
  static constexpr size_t kHead = kAffine || kTwoScales ? 32 : 16;
  // What an unsigned value is too large by, halved: a row's sum is kept in two lanes.
  static constexpr int kHalfZero = F == WeightFormat::W4S ? 4 : F == WeightFormat::W8S ? 64 : 0;

  // Columns 8p..8p+7 of 8 rows as unsigned bytes.
  static void unpack(const uint8_t* qs, __m512i (&w)[4]) {
    if constexpr (kFour) {
      const __m512i low = _mm512_set1_epi8(15);
      const __m512i a = bytes_at(qs);
      const __m512i b = bytes_at(qs + 64);
      w[0] = _mm512_and_si512(a, low);
      w[1] = _mm512_and_si512(b, low);
      w[2] = _mm512_and_si512(_mm512_srli_epi16(a, 4), low);
      w[3] = _mm512_and_si512(_mm512_srli_epi16(b, 4), low);
    } else {
#pragma GCC unroll 4
      for (size_t p = 0; p < 4; ++p) {
        w[p] = bytes_at(qs + 64 * p);
        if constexpr (kSigned8) w[p] = _mm512_xor_si512(w[p], _mm512_set1_epi8(-128));
      }
    }
  }
};

// Row sums of two groups: neighbours added, group 0 in lanes 0..7.
inline __m512i join_pairs(__m512i a, __m512i b) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_add_epi32(_mm512_permutex2var_epi32(a, even, b),
                          _mm512_permutex2var_epi32(a, odd, b));
}

inline __m512i piece_of(const int8_t* q, size_t p) {
  long long value;
  __builtin_memcpy(&value, q + 8 * p, sizeof value);
  return _mm512_set1_epi64(value);
}

// A block of one token; `w` are the unpacked weights of both groups, `d` and `m` its row scales.
template <WeightFormat F>
__m512 block_step(const __m512i (&w)[2][4], const ActBlock& act, __m512 d, __m512 m, __m512 acc) {
  using Format = Avx512Format<F>;
  __m512i a = _mm512_setzero_si512();
  if constexpr (Format::kHalfZero != 0) a = _mm512_set1_epi32(-Format::kHalfZero * *act.sum);
  __m512i b = a;
#pragma GCC unroll 4
  for (size_t p = 0; p < 4; ++p) {
    const __m512i q = piece_of(act.q, p);
    a = _mm512_dpbusd_epi32(a, w[0][p], q);
    b = _mm512_dpbusd_epi32(b, w[1][p], q);
  }
  const __m512 sum = _mm512_cvtepi32_ps(join_pairs(a, b));
  acc = _mm512_fmadd_ps(sum, _mm512_mul_ps(d, _mm512_set1_ps(*act.s)), acc);
  if constexpr (Format::kAffine) acc = _mm512_fmadd_ps(m, _mm512_set1_ps(*act.s_sum), acc);
  return acc;
}

// A scale every 16 columns: two sums, each with its own correction for the unsigned weights.
inline __m512 block_step_two_scales(const __m512i (&w)[2][4], const ActBlock& act, __m512 d0,
                                    __m512 d1, __m512 acc) {
  const __m512 s = _mm512_set1_ps(*act.s);
#pragma GCC unroll 2
  for (size_t half = 0; half < 2; ++half) {
    __m512i a = _mm512_setzero_si512();
    __m512i b = a;
    __m512i ones = a;
#pragma GCC unroll 2
    for (size_t p = 2 * half; p < 2 * half + 2; ++p) {
      const __m512i q = piece_of(act.q, p);
      a = _mm512_dpbusd_epi32(a, w[0][p], q);
      b = _mm512_dpbusd_epi32(b, w[1][p], q);
      ones = _mm512_dpbusd_epi32(ones, _mm512_set1_epi8(1), q);
    }
    const __m512i zero = _mm512_slli_epi32(ones, 7);
    a = _mm512_sub_epi32(a, zero);
    b = _mm512_sub_epi32(b, zero);
    const __m512 sum = _mm512_cvtepi32_ps(join_pairs(a, b));
    acc = _mm512_fmadd_ps(sum, _mm512_mul_ps(half == 0 ? d0 : d1, s), acc);
  }
  return acc;
}

// Few tokens: weights come from memory and set the pace. Two row groups side by side are not one
// stream to the hardware's prefetcher (22 GB/s against 41-46 with this on a Zen 5 core), so what
// follows is fetched in file order, the next groups at least. May point beyond the blob: a prefetch
// never faults.
inline uintptr_t prefetch_start(const LinearArgs& args, size_t step) {
  constexpr size_t kDistance = 8192;
  const size_t pair = 2 * args.blocks * step;
  return reinterpret_cast<uintptr_t>(args.group[0]) + (pair > kDistance ? pair : kDistance);
}

inline void prefetch(uintptr_t address) {
  _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0);
}

template <WeightFormat F, size_t kTokens>
void quantised_avx512(const LinearArgs& args) {
  using Format = Avx512Format<F>;
  constexpr size_t kStep = layout::block_bytes(F);
  __m512 acc[kTokens];
#pragma GCC unroll 8
  for (size_t t = 0; t < kTokens; ++t) acc[t] = _mm512_setzero_ps();
  const uint8_t* g0 = args.group[0];
  const uint8_t* g1 = args.group[1];
  auto* act = const_cast<uint8_t*>(args.quant);
  uintptr_t ahead = prefetch_start(args, kStep);
  for (size_t b = 0; b < args.blocks; ++b) {
    if constexpr (kTokens < kTokenTile) {
#pragma GCC unroll 16
      for (size_t line = 0; line < 2 * kStep; line += 64) prefetch(ahead + line);
      ahead += 2 * kStep;
    }
    const __m512 d = halves_of(g0, g1);
    const __m512 m = Format::kHead == 32 ? halves_of(g0 + 16, g1 + 16) : d;
    __m512i w[2][4];
    Format::unpack(g0 + Format::kHead, w[0]);
    Format::unpack(g1 + Format::kHead, w[1]);
#pragma GCC unroll 8
    for (size_t t = 0; t < kTokens; ++t) {
      const ActBlock block = act_block(act, kTokens, t);
      if constexpr (Format::kTwoScales) {
        acc[t] = block_step_two_scales(w, block, d, m, acc[t]);
      } else {
        acc[t] = block_step<F>(w, block, d, m, acc[t]);
      }
    }
    g0 += kStep;
    g1 += kStep;
    act += kTokens * kActBlockBytes;
  }
#pragma GCC unroll 8
  for (size_t t = 0; t < kTokens; ++t) _mm512_storeu_ps(args.out + t * kRowTile, acc[t]);
}

// Column k of 16 rows.
template <WeightFormat F>
__m512 float_column(const uint8_t* a, const uint8_t* b) {
  if constexpr (F == WeightFormat::F32) {
    const __m256 low = _mm256_loadu_ps(reinterpret_cast<const float*>(a));
    const __m256 high = _mm256_loadu_ps(reinterpret_cast<const float*>(b));
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
  } else if constexpr (F == WeightFormat::F16) {
    return halves_of(a, b);
  } else {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b));
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_set_m128i(high, low));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
}

template <WeightFormat F, size_t kTokens>
void float_avx512(const LinearArgs& args) {
  constexpr size_t kColumn = layout::block_bytes(F) / kActBlock;
  __m512 acc[kTokens];
#pragma GCC unroll 8
  for (size_t t = 0; t < kTokens; ++t) acc[t] = _mm512_setzero_ps();
  for (size_t k = 0; k < args.blocks * kActBlock; ++k) {
    const __m512 w = float_column<F>(args.group[0] + k * kColumn, args.group[1] + k * kColumn);
#pragma GCC unroll 8
    for (size_t t = 0; t < kTokens; ++t) {
      acc[t] = _mm512_fmadd_ps(w, _mm512_set1_ps(args.plain[t * args.plain_stride + k]), acc[t]);
    }
  }
#pragma GCC unroll 8
  for (size_t t = 0; t < kTokens; ++t) _mm512_storeu_ps(args.out + t * kRowTile, acc[t]);
}

struct Avx512Linear {
  template <WeightFormat F, size_t kTokens>
  static void linear(const LinearArgs& args) {
    if constexpr (F >= WeightFormat::F32) {
      float_avx512<F, kTokens>(args);
    } else {
      quantised_avx512<F, kTokens>(args);
    }
  }
};

}  // namespace
}  // namespace etb::kernels
