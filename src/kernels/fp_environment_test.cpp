// Operators give the same bits in a host that flushes subnormal numbers to zero, on its threads and
// on the pool's, and leave the host's setting as it was.
#include "kernels/fp_environment.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cfenv>

#include <executorch/runtime/core/function_ref.h>

#include "kernels/parallel.h"
#include "kernels/testing/flush_to_zero.h"
#include "kernels/testing/paths.h"
#include "kernels/testing/small_model.h"

// As in parallel.cpp: the pool without our work on it.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  void run(::executorch::runtime::FunctionRef<void(size_t)> fn, size_t range);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace etb::kernels {
namespace {

using testing::bits;
using testing::set_flush_to_zero;
using testing::TestTensor;

volatile float g_smallest_normal = 0x1p-126f;

// Asked of the processor, not of the compiler.
bool flushes() {
  return g_smallest_normal * 0.5f == 0.0f;
}

// A host that flushes, for the length of a test.
struct FlushingHost {
  FlushingHost() { set_flush_to_zero(true); }
  ~FlushingHost() { set_flush_to_zero(false); }
};

// Embeddings so small that all are subnormal.
std::vector<float> tiny_rows(unsigned threads) {
  constexpr int32_t kTokens = 64;
  testing::SmallModel model({}, 3);
  std::vector<int64_t> ids = model.random_tokens(kTokens, 5);
  std::vector<float> rows(kTokens * model.shape().width);
  const auto width = static_cast<int32_t>(model.shape().width);
  TestTensor id(::executorch::aten::ScalarType::Long, {1, kTokens}, ids.data());
  TestTensor x(::executorch::aten::ScalarType::Float, {kTokens, width}, rows.data());
  testing::Call call = model.embed_call(id, x);
  et::EValue scale(1e-38);
  call[2] = &scale;
  const ExecutionScope scope({.threads = threads, .path = {}, .cancel = nullptr});
  EXPECT_EQ(testing::call(embed_op, call), et::Error::Ok);
  return rows;
}

TEST(FpEnvironment, AScopeSetsItAndPutsTheHostsBack) {
  EXPECT_FALSE(flushes());
  const FlushingHost host;
  EXPECT_TRUE(flushes());
  {
    const FpScope scope;
    EXPECT_FALSE(flushes());
    const FpScope inner;
    EXPECT_FALSE(flushes());
  }
  EXPECT_TRUE(flushes());
}

TEST(FpEnvironment, RoundingIsToNearest) {
  ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
  {
    const FpScope scope;
    volatile float one = 1.0f;
    EXPECT_EQ(one + 0x1p-30f, 1.0f);
  }
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  std::fesetround(FE_TONEAREST);
}

TEST(FpEnvironment, AFlushingHostChangesNoBit) {
  const std::vector<float> expected = tiny_rows(1);
  EXPECT_GT(
      std::count_if(expected.begin(), expected.end(),
                    [](float value) { return value != 0.0f && std::fabs(value) < 0x1p-126f; }),
      1000);
  const FlushingHost host;
  EXPECT_EQ(bits(tiny_rows(1)), bits(expected));
  EXPECT_TRUE(flushes());
}

TEST(FpEnvironment, NorDoFlushingPoolThreads) {
  const std::vector<float> expected = tiny_rows(1);
  const auto on_every_thread = [](bool on) {
    const auto set = [on](size_t) { set_flush_to_zero(on); };
    ::executorch::extension::threadpool::get_threadpool()->run(set, 64 * pool_threads());
  };
  on_every_thread(true);
  EXPECT_EQ(bits(tiny_rows(0)), bits(expected));
  std::atomic<int> flushing{0};
  parallel_for(0, 64, 1, [&](size_t, size_t) { flushing += flushes() ? 1 : 0; });
  EXPECT_EQ(flushing, 0);
  on_every_thread(false);
  set_flush_to_zero(false);
}

TEST(FpEnvironment, AForwardInAFlushingHostGivesTheSameBits) {
  testing::SmallModel model({}, 4);
  const std::vector<int64_t> tokens = model.random_tokens(12, 2);
  std::vector<float> expected;
  std::vector<float> got;
  ASSERT_EQ(model.forward(tokens, 0, false, expected), et::Error::Ok);
  model.poison_caches();
  const FlushingHost host;
  ASSERT_EQ(model.forward(tokens, 0, false, got), et::Error::Ok);
  EXPECT_EQ(bits(got), bits(expected));
}

}  // namespace
}  // namespace etb::kernels
