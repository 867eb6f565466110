// FPCR of 64-bit ARM. Its bits are all settings; what has happened stands in FPSR.
#include "kernels/fp_environment.h"

namespace etb::kernels {
namespace {

constexpr uint64_t kDefault = 0;  // nearest, no flushing of either kind, NaNs keep their payload

uint64_t read_control() {
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
}

void write_control(uint64_t control) {
  __asm__ volatile("msr fpcr, %0" : : "r"(control) : "memory");
}

}  // namespace

FpScope::FpScope() : before_(read_control()) {
  if (before_ != kDefault) write_control(kDefault);
}

FpScope::~FpScope() {
  if (before_ != kDefault) write_control(before_);
}

}  // namespace etb::kernels
