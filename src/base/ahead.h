// Filling a large hash table spends its time waiting for memory. Asking for several places before
// the first of them is needed lets these waits overlap.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace etb {

// A hint that costs nothing if it is wrong.
inline void prefetch(const void* at) {
  __builtin_prefetch(at);
}

inline constexpr size_t kAhead = 32;

// For each i below `count`, in order: `use(i, found)` with found = `seek(i)`, which prefetches what
// use() reads. It runs up to kAhead ahead, so it must not depend on what use() does.
template <class Seek, class Use>
void look_ahead(size_t count, const Seek& seek, const Use& use) {
  std::array<decltype(seek(size_t{0})), kAhead> found;
  for (size_t first = 0; first < count; first += kAhead) {
    const size_t block = std::min(kAhead, count - first);
    for (size_t i = 0; i < block; ++i) found[i] = seek(first + i);
    for (size_t i = 0; i < block; ++i) use(first + i, found[i]);
  }
}

}  // namespace etb
