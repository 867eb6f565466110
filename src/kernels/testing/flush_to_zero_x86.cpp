// MXCSR: results and operands.
#include <xmmintrin.h>

#include "kernels/testing/flush_to_zero.h"

namespace etb::kernels::testing {

void set_flush_to_zero(bool on) {
  constexpr unsigned kFlush = 0x8000 | 0x0040;  // results (FTZ) and operands (DAZ)
  _mm_setcsr(on ? _mm_getcsr() | kFlush : _mm_getcsr() & ~kFlush);
}

}  // namespace etb::kernels::testing
