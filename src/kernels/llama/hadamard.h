// The transform itself, on one row; for its operator and its test.
#pragma once

#include <cstddef>

namespace etb::kernels {

inline constexpr size_t kMaxHadamard = 28 * 1024;  // values of a row; 112 KiB on the stack
inline constexpr int kMaxRank = 16;

// Whether there is a transform of that length: 2^k or 28 * 2^k.
bool has_hadamard(size_t count);
// In place. Precondition: has_hadamard(count).
void hadamard(float* x, size_t count);

}  // namespace etb::kernels
