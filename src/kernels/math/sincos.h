// sin and cos in double, our own, so that a rotary angle has the same bits on every machine (the C
// library's may differ by one). Good to 1e-15 for |x| < 2^26.
#pragma once

namespace etb::kernels {

struct SinCos {
  double sin;
  double cos;
};

// 0 and 1 for what is not finite or beyond 2^26.
SinCos sincos_f64(double x);

}  // namespace etb::kernels
