// parallel_for covers every unit once, runs nested calls inline and shows the caller all writes.
#include "kernels/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace etb::kernels {
namespace {

TEST(ParallelFor, CoversEveryUnitOnceWithAnyTeamAndGrain) {
  for (const unsigned threads : {0u, 1u, 2u, 5u}) {
    for (const size_t units : {1u, 2u, 7u, 1000u}) {
      for (const size_t grain : {0u, 1u, 3u, 2000u}) {
        std::vector<int> seen(units);  // plain ints: ranges are disjoint, writes are visible after
        parallel_for(threads, units, grain, [&](size_t begin, size_t end) {
          for (size_t i = begin; i < end; ++i) ++seen[i];
        });
        EXPECT_EQ(seen, std::vector<int>(units, 1)) << threads << " " << units << " " << grain;
      }
    }
  }
}

TEST(ParallelFor, NothingToDoCallsNothing) {
  parallel_for(2, 0, 1, [](size_t, size_t) { FAIL(); });
}

TEST(ParallelFor, OneThreadGetsTheWholeRangeAtOnce) {
  int calls = 0;
  parallel_for(1, 100, 1, [&](size_t begin, size_t end) {
    ++calls;
    EXPECT_EQ(begin, 0u);
    EXPECT_EQ(end, 100u);
  });
  EXPECT_EQ(calls, 1);
}

TEST(ParallelFor, NestedCallsRunInline) {
  std::atomic<int> total{0};
  parallel_for(0, 8, 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      int calls = 0;
      parallel_for(0, 10, 1, [&](size_t from, size_t to) {
        ++calls;
        total += static_cast<int>(to - from);
      });
      EXPECT_EQ(calls, 1);
    }
  });
  EXPECT_EQ(total, 80);
}

TEST(ParallelFor, ManyRegionsInARowLoseNothing) {
  std::vector<size_t> sums(64);
  for (size_t round = 0; round < 2000; ++round) {
    parallel_for(2, sums.size(), 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) sums[i] += i;
    });
  }
  for (size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i], 2000 * i);
}

TEST(PoolThreads, IsAtLeastOne) {
  EXPECT_GE(pool_threads(), 1u);
}

}  // namespace
}  // namespace etb::kernels
