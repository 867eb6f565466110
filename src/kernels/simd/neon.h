// 16 virtual lanes as four 128-bit registers. For *_neon.cpp files only. Comparisons are written
// out where NEON's own instructions treat NaNs unlike x86.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace etb::kernels {
namespace {

struct Neon {
  struct V {
    float32x4_t q[4];
  };
  static constexpr size_t kRows = 4;
  static constexpr size_t kAccumulators = 4;

  template <class F>
  static V each(F f) {
    return {{f(0), f(1), f(2), f(3)}};
  }

  static V load(const float* p) {
    return each([&](int i) { return vld1q_f32(p + 4 * i); });
  }
  static void store(float* p, V v) {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, v.q[i]);
  }
  static V splat(float f) {
    return each([&](int) { return vdupq_n_f32(f); });
  }
  static float first(V v) { return vgetq_lane_f32(v.q[0], 0); }
  static V add(V x, V y) {
    return each([&](int i) { return vaddq_f32(x.q[i], y.q[i]); });
  }
  static V sub(V x, V y) {
    return each([&](int i) { return vsubq_f32(x.q[i], y.q[i]); });
  }
  static V mul(V x, V y) {
    return each([&](int i) { return vmulq_f32(x.q[i], y.q[i]); });
  }
  static V div(V x, V y) {
    return each([&](int i) { return vdivq_f32(x.q[i], y.q[i]); });
  }
  static V fma(V x, V y, V z) {
    return each([&](int i) { return vfmaq_f32(z.q[i], x.q[i], y.q[i]); });
  }
  // x > y ? x : y, and its mirror: y where x is a NaN.
  static V max(V x, V y) {
    return each([&](int i) { return greater(x.q[i], y.q[i]); });
  }
  static V min(V x, V y) {
    return each([&](int i) { return vbslq_f32(vcltq_f32(x.q[i], y.q[i]), x.q[i], y.q[i]); });
  }
  static V abs(V x) {
    return each([&](int i) { return vabsq_f32(x.q[i]); });
  }
  static V negate(V x) {
    return each([&](int i) { return vnegq_f32(x.q[i]); });
  }
  static void prefetch(const void* p) { __builtin_prefetch(p); }

  // The tree 8 + 8, 4 + 4, 2 + 2, 1 + 1.
  static float sum(V v) {
    const float32x4_t a = vaddq_f32(v.q[0], v.q[2]);
    const float32x4_t b = vaddq_f32(v.q[1], v.q[3]);
    const float32x4_t c = vaddq_f32(a, b);
    const float32x2_t d = vadd_f32(vget_low_f32(c), vget_high_f32(c));
    return vget_lane_f32(d, 0) + vget_lane_f32(d, 1);
  }
  static float largest(V v) {
    const float32x4_t a = greater(v.q[0], v.q[1]);
    const float32x4_t b = greater(v.q[2], v.q[3]);
    return vmaxvq_f32(greater(a, b));
  }

  static V load_f16(const uint16_t* p) {
    return each([&](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
  }
  // Any NaN as the one of layout/half.h.
  static void store_f16(uint16_t* p, V v) {
    const float32x4_t nan = vreinterpretq_f32_u32(vdupq_n_u32(0x7fc00000));
    for (int i = 0; i < 4; ++i) {
      const float32x4_t one_nan = vbslq_f32(vceqq_f32(v.q[i], v.q[i]), v.q[i], nan);
      vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(one_nan)));
    }
  }

  // p * 2^n, n in the low bits of `shifted`.
  static V scale_by_power(V p, V shifted) {
    return each([&](int i) {
      const int32x4_t power = vshlq_n_s32(vreinterpretq_s32_f32(shifted.q[i]), 23);
      return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p.q[i]), power));
    });
  }
  static V zero_unless_ge(V x, V low, V value) {
    return each([&](int i) {
      const uint32x4_t kept = vcgeq_f32(x.q[i], low.q[i]);
      return vreinterpretq_f32_u32(vandq_u32(kept, vreinterpretq_u32_f32(value.q[i])));
    });
  }
  // x > bound ? value : other; `other` where x is a NaN.
  static V pick_gt(V x, V bound, V value, V other) {
    return each(
        [&](int i) { return vbslq_f32(vcgtq_f32(x.q[i], bound.q[i]), value.q[i], other.q[i]); });
  }
  // Lanes [low, high) of v, `other` elsewhere.
  static V keep_lanes(V v, size_t low, size_t high, float other) {
    float lanes[16];
    store(lanes, v);
    for (size_t i = 0; i < 16; ++i) lanes[i] = i >= low && i < high ? lanes[i] : other;
    return load(lanes);
  }

  // 32 values within [-127, 127], rounded to nearest even; returns their sum.
  static int32_t store_int8(int8_t* out, V x, V y) {
    return store_half(out, x) + store_half(out + 16, y);
  }

 private:
  static float32x4_t greater(float32x4_t x, float32x4_t y) {
    return vbslq_f32(vcgtq_f32(x, y), x, y);
  }
  static int32_t store_half(int8_t* out, V v) {
    int32x4_t i[4];
    for (int j = 0; j < 4; ++j) i[j] = vcvtnq_s32_f32(v.q[j]);
    const int16x8_t low = vcombine_s16(vmovn_s32(i[0]), vmovn_s32(i[1]));
    const int16x8_t high = vcombine_s16(vmovn_s32(i[2]), vmovn_s32(i[3]));
    vst1q_s8(out, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
    return vaddvq_s32(vaddq_s32(vaddq_s32(i[0], i[1]), vaddq_s32(i[2], i[3])));
  }
};

}  // namespace
}  // namespace etb::kernels
