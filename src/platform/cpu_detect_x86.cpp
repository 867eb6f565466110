// CPUID for what the processor has, XGETBV for what the system saves. The same on every system.
#include <cpuid.h>

#include <cstdint>

#include "platform/cpu_detect.h"

namespace etb {
namespace {

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(uint32_t leaf, uint32_t part) {
  Registers r;
  if (__get_cpuid_count(leaf, part, &r.a, &r.b, &r.c, &r.d) == 0) return {};
  return r;
}

bool bit(uint32_t word, int index) {
  return ((word >> index) & 1U) != 0;
}

// Which register files the system saves: XCR0. Only legal if CPUID says OSXSAVE.
uint64_t saved_state() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

}  // namespace

CpuFeatures detect_cpu_features() {
  CpuFeatures features;
  const Registers one = cpuid(1, 0);
  if (!bit(one.c, 27)) return features;  // OSXSAVE
  const uint64_t state = saved_state();
  constexpr uint64_t kYmm = 0x6;          // XMM and upper YMM
  constexpr uint64_t kZmm = kYmm | 0xE0;  // opmask, upper ZMM0-15, ZMM16-31
  const bool ymm = (state & kYmm) == kYmm;
  const bool zmm = (state & kZmm) == kZmm;
  const Registers seven = cpuid(7, 0);
  const Registers seven_one = seven.a >= 1 ? cpuid(7, 1) : Registers{};
  const bool avx = ymm && bit(one.c, 28);
  features.fma = avx && bit(one.c, 12);
  features.f16c = avx && bit(one.c, 29);
  features.avx2 = avx && bit(seven.b, 5);
  features.avxvnni = features.avx2 && bit(seven_one.a, 4);
  features.avx512f = zmm && avx && bit(seven.b, 16);
  features.avx512dq = features.avx512f && bit(seven.b, 17);
  features.avx512bw = features.avx512f && bit(seven.b, 30);
  features.avx512vl = features.avx512f && bit(seven.b, 31);
  features.avx512vnni = features.avx512f && bit(seven.c, 11);
  return features;
}

}  // namespace etb
