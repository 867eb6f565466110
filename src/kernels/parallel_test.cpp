// parallel_for covers every unit once, runs nested calls inline, shows the caller all writes and
// stops at a cancel; a forward that is cancelled in the middle leaves nothing behind.
#include "kernels/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "kernels/testing/paths.h"
#include "kernels/testing/small_model.h"

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

TEST(ParallelFor, UnderATokenCoversEveryUnitInSmallPieces) {
  const CancelToken token;
  for (const unsigned threads : {1u, 2u}) {
    const ExecutionScope scope({.threads = threads, .path = {}, .cancel = &token});
    std::vector<int> seen(1000);
    std::atomic<size_t> largest{0};
    parallel_for(threads, seen.size(), 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) ++seen[i];
      size_t before = largest;
      while (before < end - begin && !largest.compare_exchange_weak(before, end - begin)) {
      }
    });
    EXPECT_EQ(seen, std::vector<int>(1000, 1)) << threads;
    EXPECT_LE(largest, 1000u / 64);
  }
}

TEST(ParallelFor, ACancelEndsItAtTheNextPiece) {
  for (const unsigned threads : {1u, 2u}) {
    CancelToken token;
    const ExecutionScope scope({.threads = threads, .path = {}, .cancel = &token});
    std::atomic<unsigned> calls{0};
    parallel_for(threads, 1000, 1, [&](size_t, size_t) {
      token.cancel();
      ++calls;
    });
    EXPECT_GE(calls, 1u);
    EXPECT_LE(calls, threads) << "each thread may be in one";
    parallel_for(threads, 1000, 1, [&](size_t, size_t) { FAIL() << "after the cancel"; });
  }
}

// What a forward wrote before it was cancelled lies beyond the position: the same forward again
// gives the bits of a fresh run.
TEST(ParallelFor, ForwardsThatWereCancelledLeaveNothingBehind) {
  testing::SmallModel model({}, 3);
  const std::vector<int64_t> tokens = model.random_tokens(64, 4);
  std::vector<float> fresh;
  ASSERT_EQ(model.forward(tokens, 0, false, fresh), et::Error::Ok);
  int stopped = 0;
  for (int round = 0; round < 40; ++round) {
    model.poison_caches();
    CancelToken token;
    if (round == 0) token.cancel();  // the others may come too late on a busy machine
    std::thread canceller([&token, round] {
      std::this_thread::sleep_for(std::chrono::microseconds(20 * round));
      token.cancel();
    });
    std::vector<float> logits;
    {
      const ExecutionScope scope({.threads = 2, .path = {}, .cancel = &token});
      stopped += model.forward(tokens, 0, false, logits) == et::Error::Ok ? 0 : 1;
    }
    canceller.join();
    ASSERT_EQ(model.forward(tokens, 0, false, logits), et::Error::Ok);
    ASSERT_EQ(testing::bits(logits), testing::bits(fresh)) << round;
  }
  EXPECT_GT(stopped, 0);
}

TEST(PoolThreads, IsAtLeastOne) {
  EXPECT_GE(pool_threads(), 1u);
}

}  // namespace
}  // namespace etb::kernels
