// What a host may have done to a thread: subnormal numbers flushed to zero, or not. For tests.
#pragma once

namespace etb::kernels::testing {

void set_flush_to_zero(bool on);

}  // namespace etb::kernels::testing
