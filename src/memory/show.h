// Amounts as people read them, in refusals and reasons. Inside the memory room only, and pure.
#pragma once

#include <cstdint>
#include <string>

namespace etb::memory {

// "312 MiB"; one decimal below 10 MiB ("1.5 MiB").
std::string mebibytes(uint64_t bytes);
// One decimal: "12.3".
std::string one_decimal(double value);
// Sums and products that stay at the largest number: amounts come from files and other systems.
uint64_t add_saturating(uint64_t a, uint64_t b);
uint64_t multiply_saturating(uint64_t a, uint64_t b);
// 0 where `taken` is more.
uint64_t less(uint64_t bytes, uint64_t taken);

}  // namespace etb::memory
