// FPCR: one bit for both.
#include <cstdint>

#include "kernels/testing/flush_to_zero.h"

namespace etb::kernels::testing {

void set_flush_to_zero(bool on) {
  constexpr uint64_t kFlush = uint64_t{1} << 24;
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  control = on ? control | kFlush : control & ~kFlush;
  __asm__ volatile("msr fpcr, %0" : : "r"(control) : "memory");
}

}  // namespace etb::kernels::testing
