// What every fuzz target may assume of the library. A broken promise ends the run, so that the
// fuzzer sees it.
#pragma once

#include <cstdlib>

inline void require(bool holds) {
  if (!holds) std::abort();
}
