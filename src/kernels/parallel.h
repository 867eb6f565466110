// Threads behind one interface: the runtime's own pool, work handed out in pieces, so that a late
// or slow thread does not hold up the others. No thread is started here and none spins here.
#pragma once

#include <cstddef>

#include <executorch/runtime/core/function_ref.h>

namespace etb::kernels {

// Work on units [begin, end).
using RangeFn = ::executorch::runtime::FunctionRef<void(size_t begin, size_t end)>;

// Calls `fn` on disjoint ranges that cover [0, units) and returns when all are done. Ranges start
// large and shrink to `grain` units, so that all threads end together. At most `threads` threads
// (0: the pool's number) take part, the caller among them; with one, or inside another
// parallel_for, `fn(0, units)` runs inline. The pool's threads compute in the environment of
// fp_environment.h. All that `fn` wrote is visible to the caller afterwards.
//
// Under a cancel token (execution.h) no range is more than a 64th of the units, and once it is set
// no further range begins, in this call and in all later ones of the forward: what was left out is
// not written. So the operators that follow must fail, and whoever runs the forward discards it.
void parallel_for(unsigned threads, size_t units, size_t grain, RangeFn fn);

// Threads that parallel_for can use: the pool's number, at least 1.
unsigned pool_threads();

// Gives the pool `threads` threads; 0: as many as it began with, which is also the most. For
// libraries that always use all of it. Precondition: nothing uses the pool, and nothing is loaded
// that keeps a hold of it, as XNNPACK does.
void resize_pool(unsigned threads);

}  // namespace etb::kernels
