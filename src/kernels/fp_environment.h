// The floating-point environment that our arithmetic is defined in (design D5): round to nearest,
// ties to even; subnormal numbers as they are; no traps. A host may run its threads in another one
// (audio code flushes subnormals to zero), and threads inherit what their maker had. One file a
// machine: reading the control register is a few cycles, it is written only where it differs.
#pragma once

#include <cstdint>

namespace etb::kernels {

// Sets the calling thread's environment for its own lifetime and puts the former one back. Nests.
// Every operator holds one (ops/args.h), and every thread that works for it (parallel.cpp).
class FpScope {
 public:
  FpScope();
  ~FpScope();
  FpScope(const FpScope&) = delete;
  FpScope& operator=(const FpScope&) = delete;

 private:
  uint64_t before_;  // of the control register
};

}  // namespace etb::kernels
