// 16 virtual lanes as one 512-bit register. For *_avx512.cpp files only.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace etb::kernels {
namespace {

struct Avx512 {
  using V = __m512;
  static constexpr size_t kRows = 8;           // query rows of attention at once
  static constexpr size_t kAccumulators = 16;  // that fit beside the operands

  static V load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, V v) { _mm512_storeu_ps(p, v); }
  static V splat(float f) { return _mm512_set1_ps(f); }
  static float first(V v) { return _mm512_cvtss_f32(v); }
  static V add(V a, V b) { return _mm512_add_ps(a, b); }
  static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
  static V div(V a, V b) { return _mm512_div_ps(a, b); }
  static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  // a > b ? a : b, and its mirror: b where a is a NaN.
  static V max(V a, V b) { return _mm512_max_ps(a, b); }
  static V min(V a, V b) { return _mm512_min_ps(a, b); }
  static V abs(V a) { return _mm512_abs_ps(a); }
  static V negate(V a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }

  static void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

  // The tree 8 + 8, 4 + 4, 2 + 2, 1 + 1.
  static float sum(V v) {
    const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }
  static float largest(V v) { return _mm512_reduce_max_ps(v); }

  static V load_f16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  // Any NaN as the one of layout/half.h.
  static void store_f16(uint16_t* p, V v) {
    const V nan = _mm512_castsi512_ps(_mm512_set1_epi32(0x7fc00000));
    const V one_nan = _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), nan);
    const __m256i half = _mm512_cvtps_ph(one_nan, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), half);
  }

  // p * 2^n, n in the low bits of `shifted`.
  static V scale_by_power(V p, V shifted) {
    const __m512i power = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), power));
  }
  static V zero_unless_ge(V x, V low, V value) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, low, _CMP_GE_OQ), value);
  }
  // x > bound ? value : other; `other` where x is a NaN.
  static V pick_gt(V x, V bound, V value, V other) {
    return _mm512_mask_mov_ps(other, _mm512_cmp_ps_mask(x, bound, _CMP_GT_OQ), value);
  }
  // Lanes [low, high) of v, `other` elsewhere.
  static V keep_lanes(V v, size_t low, size_t high, float other) {
    const auto upto = [](size_t n) { return static_cast<unsigned>((1u << n) - 1u); };
    const auto kept = static_cast<__mmask16>(upto(high) & ~upto(low));
    return _mm512_mask_mov_ps(splat(other), kept, v);
  }

  // 32 values within [-127, 127], rounded to nearest even; returns their sum.
  static int32_t store_int8(int8_t* out, V a, V b) {
    const __m512i ia = _mm512_cvtps_epi32(a);
    const __m512i ib = _mm512_cvtps_epi32(b);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(ia));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm512_cvtepi32_epi8(ib));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(ia, ib));
  }
};

}  // namespace
}  // namespace etb::kernels
