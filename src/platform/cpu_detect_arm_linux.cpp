// The kernel's own list of what it lets a program use (HWCAP); also on Android.
#include <sys/auxv.h>

#include "platform/cpu_detect.h"

namespace etb {
namespace {

// Bits of the arm64 Linux ABI, by number: older headers lack the newer names.
constexpr unsigned long kAsimd = 1UL << 1;
constexpr unsigned long kAsimdHp = 1UL << 10;
constexpr unsigned long kAsimdDp = 1UL << 20;
constexpr unsigned long kSve = 1UL << 22;
constexpr unsigned long kI8mm = 1UL << 13;  // of HWCAP2, as the next two
constexpr unsigned long kBf16 = 1UL << 14;
constexpr unsigned long kSme = 1UL << 23;

}  // namespace

CpuFeatures detect_cpu_features() {
  const unsigned long first = ::getauxval(AT_HWCAP);
  const unsigned long second = ::getauxval(AT_HWCAP2);
  CpuFeatures features;
  features.neon = (first & kAsimd) != 0;
  features.fp16 = (first & kAsimdHp) != 0;
  features.dotprod = (first & kAsimdDp) != 0;
  features.sve = (first & kSve) != 0;
  features.i8mm = (second & kI8mm) != 0;
  features.bf16 = (second & kBf16) != 0;
  features.sme = (second & kSme) != 0;
  return features;
}

}  // namespace etb
