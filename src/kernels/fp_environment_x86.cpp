// MXCSR, which SSE, AVX and AVX-512 share.
#include <xmmintrin.h>

#include "kernels/fp_environment.h"

namespace etb::kernels {
namespace {

constexpr unsigned kDefault = 0x1F80;  // all exceptions masked, nearest, no FTZ, no DAZ
constexpr unsigned kHappened = 0x3F;   // flags of what has happened, no setting

bool is_default(unsigned control) {
  return (control & ~kHappened) == kDefault;
}

}  // namespace

FpScope::FpScope() : before_(_mm_getcsr()) {
  if (!is_default(static_cast<unsigned>(before_))) _mm_setcsr(kDefault);
}

FpScope::~FpScope() {
  const auto before = static_cast<unsigned>(before_);
  if (!is_default(before)) _mm_setcsr(before);
}

}  // namespace etb::kernels
