// For tests: one allocation of choice of the whole test program fails.
#pragma once

namespace etb {

// From now on `count` calls of operator new succeed and the next one throws bad_alloc; the rest
// succeed again. Negative: none fails. Returns how many were still to come, negative if it
// happened.
long fail_allocation(long count);

}  // namespace etb
