// 16 virtual lanes as two 256-bit registers. For *_avx2.cpp files only.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace etb::kernels {
namespace {

struct Avx2 {
  struct V {
    __m256 a;
    __m256 b;
  };
  static constexpr size_t kRows = 4;
  static constexpr size_t kAccumulators = 5;

  static V load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static void store(float* p, V v) {
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
  }
  static V splat(float f) { return {_mm256_set1_ps(f), _mm256_set1_ps(f)}; }
  static float first(V v) { return _mm256_cvtss_f32(v.a); }
  static V add(V x, V y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
  static V sub(V x, V y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
  static V mul(V x, V y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  static V div(V x, V y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
  static V fma(V x, V y, V z) {
    return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
  }
  // x > y ? x : y, and its mirror: y where x is a NaN.
  static V max(V x, V y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
  static V min(V x, V y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
  static V abs(V x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
  }
  static V negate(V x) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_xor_ps(x.a, sign), _mm256_xor_ps(x.b, sign)};
  }

  static void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

  // The tree 8 + 8, 4 + 4, 2 + 2, 1 + 1.
  static float sum(V v) {
    const __m256 a = _mm256_add_ps(v.a, v.b);
    const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
  }
  static float largest(V v) {
    const __m256 a = _mm256_max_ps(v.a, v.b);
    const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
  }

  static V load_f16(const uint16_t* p) {
    const auto* halves = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
  }
  // Any NaN as the one of layout/half.h.
  static void store_f16(uint16_t* p, V v) {
    auto* const halves = reinterpret_cast<__m128i*>(p);
    _mm_storeu_si128(halves, _mm256_cvtps_ph(one_nan(v.a), _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(halves + 1, _mm256_cvtps_ph(one_nan(v.b), _MM_FROUND_TO_NEAREST_INT));
  }

  // p * 2^n, n in the low bits of `shifted`.
  static V scale_by_power(V p, V shifted) {
    return {scale_half(p.a, shifted.a), scale_half(p.b, shifted.b)};
  }
  static V zero_unless_ge(V x, V low, V value) {
    return {_mm256_and_ps(_mm256_cmp_ps(x.a, low.a, _CMP_GE_OQ), value.a),
            _mm256_and_ps(_mm256_cmp_ps(x.b, low.b, _CMP_GE_OQ), value.b)};
  }
  // x > bound ? value : other; `other` where x is a NaN.
  static V pick_gt(V x, V bound, V value, V other) {
    return {_mm256_blendv_ps(other.a, value.a, _mm256_cmp_ps(x.a, bound.a, _CMP_GT_OQ)),
            _mm256_blendv_ps(other.b, value.b, _mm256_cmp_ps(x.b, bound.b, _CMP_GT_OQ))};
  }
  // Lanes [low, high) of v, `other` elsewhere.
  static V keep_lanes(V v, size_t low, size_t high, float other) {
    alignas(32) float lanes[16];
    store(lanes, v);
    for (size_t i = 0; i < 16; ++i) lanes[i] = i >= low && i < high ? lanes[i] : other;
    return load(lanes);
  }

  // 32 values within [-127, 127], rounded to nearest even; returns their sum.
  static int32_t store_int8(int8_t* out, V x, V y) {
    const __m256i i0 = _mm256_cvtps_epi32(x.a);
    const __m256i i1 = _mm256_cvtps_epi32(x.b);
    const __m256i i2 = _mm256_cvtps_epi32(y.a);
    const __m256i i3 = _mm256_cvtps_epi32(y.b);
    const __m256i narrow =
        _mm256_packs_epi16(_mm256_packs_epi32(i0, i1), _mm256_packs_epi32(i2, i3));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm256_permutevar8x32_epi32(narrow, order));
    const __m256i all = _mm256_add_epi32(_mm256_add_epi32(i0, i1), _mm256_add_epi32(i2, i3));
    const __m128i a = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    const __m128i b = _mm_add_epi32(a, _mm_shuffle_epi32(a, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(b, _mm_shuffle_epi32(b, 0xB1)));
  }

 private:
  static __m256 one_nan(__m256 x) {
    const __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000));
    return _mm256_blendv_ps(x, nan, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  }
  static __m256 scale_half(__m256 p, __m256 shifted) {
    const __m256i power = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
  }
};

}  // namespace
}  // namespace etb::kernels
