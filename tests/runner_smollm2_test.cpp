// The runner over a real model, imported as a user's would be: where its weights lie, what a load
// costs, how soon a cancel in the middle of a long prompt is heard.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <set>
#include <thread>

#include "base/clock.h"
#include "kernels/kernels.h"
#include "platform/memory_info.h"
#include "runner/executorch_runner.h"
#include "runner/executorch_sequence.h"
#include "runner_support/imported_model.h"

namespace etb::runner {
namespace {

using testing::ImportedModel;

const ImportedModel& smollm2() {
  static const ImportedModel model(ETB_TEST_MODEL);
  return model;
}

std::vector<TokenId> some_ids(size_t count, uint32_t vocab) {
  std::vector<TokenId> ids(count);
  for (size_t i = 0; i < count; ++i) ids[i] = static_cast<TokenId>((i * 7919 + 1000) % vocab);
  return ids;
}

TEST(RunnerSmolLM2, LoadsFastAndWithoutReadingTheWeights) {
  ASSERT_EQ(smollm2().error(), "");
  const auto load = [&] { return TextRunner::load({.file = smollm2().map()}, {}); };
  ASSERT_TRUE(load().ok());  // warm
  const auto before = process_memory().value();
  const int64_t start = Clock::system().now_ns();
  auto runner = load();
  const double load_ms = elapsed_ms(start, Clock::system().now_ns());
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  auto sequence = runner.value()->new_sequence().value();
  const TokenId first[] = {1};
  const auto loaded = process_memory().value();
  ASSERT_TRUE(sequence->forward(first, nullptr).ok());
  const double first_ms = elapsed_ms(start, Clock::system().now_ns());
  const double grown =
      static_cast<double>(loaded.rss_bytes) - static_cast<double>(before.rss_bytes);
  std::printf(
      "warm load %.2f ms, load and first token %.2f ms, resident memory at load %+.2f MiB\n",
      load_ms, first_ms, grown / (1 << 20));
  EXPECT_LT(grown, 8 << 20);
  EXPECT_EQ(runner.value()->meta().vocab_size, 49152U);
  EXPECT_EQ(runner.value()->meta().kv_bytes_per_token, 30U * 3 * 64 * 2 * 2);
}

// Stand in for our operators and look at every constant that goes into them.
struct Spy {
  std::span<const uint8_t> file;
  std::vector<std::span<const uint8_t>> writable;
  std::set<const void*> inside;
  size_t elsewhere = 0;
};
Spy spy;

bool lies_in(std::span<const uint8_t> memory, const uint8_t* start, size_t bytes) {
  return start >= memory.data() && bytes <= memory.size() &&
         start <= memory.data() + (memory.size() - bytes);
}

template <size_t I>
void spying(executorch::runtime::KernelRuntimeContext& ctx,
            executorch::runtime::Span<executorch::runtime::EValue*> args) {
  for (executorch::runtime::EValue* arg : args) {
    if (!arg->isTensor()) continue;
    const auto& tensor = arg->toTensor();
    const auto* start = static_cast<const uint8_t*>(tensor.const_data_ptr());
    if (lies_in(spy.file, start, tensor.nbytes())) {
      spy.inside.insert(start);
    } else if (tensor.nbytes() > 1024) {  // inputs are smaller
      bool planned = false;
      for (const auto memory : spy.writable) planned |= lies_in(memory, start, tensor.nbytes());
      spy.elsewhere += planned ? 0 : 1;
    }
  }
  kernels::operators()[I].op_(ctx, args);
}

TEST(RunnerSmolLM2, EveryWeightPointerLiesInsideTheMapping) {
  ASSERT_EQ(smollm2().error(), "");
  using executorch::runtime::Kernel;
  const auto real = kernels::operators();
  ASSERT_GE(real.size(), 5U);  // those of stock files follow
  const Kernel kernels[] = {Kernel(real[0].name_, spying<0>), Kernel(real[1].name_, spying<1>),
                            Kernel(real[2].name_, spying<2>), Kernel(real[3].name_, spying<3>),
                            Kernel(real[4].name_, spying<4>)};
  const auto file = smollm2().map();
  auto runner = ExecutorchRunner::load({.file = file}, {}, {kernels, {}});
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  auto sequence = runner.value()->new_sequence().value();
  auto& concrete = dynamic_cast<ExecutorchSequence&>(*sequence);
  spy = Spy();
  spy.file = file->bytes();
  spy.writable = {runner.value()->activations(), concrete.memory().bytes()};
  const auto ids = some_ids(5, 49152);
  ASSERT_TRUE(sequence->forward(ids, nullptr).ok());
  EXPECT_EQ(spy.elsewhere, 0U);
  const auto manifest = smollm2().manifest();
  ASSERT_TRUE(manifest.ok()) << manifest.status().to_string();
  EXPECT_EQ(spy.inside.size(), manifest.value().tensors.size());  // each, and each only once
}

TEST(RunnerSmolLM2, HearsACancelInTheMiddleOfAPrompt) {
  ASSERT_EQ(smollm2().error(), "");
  auto runner = TextRunner::load({.file = smollm2().map()}, {});
  ASSERT_TRUE(runner.ok());
  auto sequence = runner.value()->new_sequence().value();
  const auto ids = some_ids(3000, 49152);
  ASSERT_TRUE(sequence->forward(std::span(ids).first(20), nullptr).ok());
  const auto expected = sequence->forward(std::span(ids).subspan(20, 1), nullptr);
  const std::vector<float> at_20(expected->begin(), expected->end());
  ASSERT_TRUE(sequence->rewind(20).ok());

  CancelToken cancel;
  std::atomic<int64_t> cancelled_at{0};
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    cancelled_at = Clock::system().now_ns();
    cancel.cancel();
  });
  const Status status = sequence->forward(std::span(ids).subspan(20), &cancel).status();
  const int64_t returned = Clock::system().now_ns();
  other.join();
  ASSERT_EQ(status.code(), StatusCode::Cancelled) << status.to_string();
  std::printf("cancel heard after %.2f ms at position %u\n", elapsed_ms(cancelled_at, returned),
              sequence->position());
  EXPECT_EQ((sequence->position() - 20) % runner.value()->meta().chunk, 0U);
  EXPECT_LT(sequence->position(), 3000U);
  // What was fed before is as good as ever.
  ASSERT_TRUE(sequence->rewind(20).ok());
  const auto again = sequence->forward(std::span(ids).subspan(20, 1), nullptr);
  EXPECT_EQ(std::vector<float>(again->begin(), again->end()), at_20);
}

TEST(RunnerSmolLM2, KvMemoryFollowsThePosition) {
  ASSERT_EQ(smollm2().error(), "");
  auto runner = TextRunner::load({.file = smollm2().map()}, {});
  ASSERT_TRUE(runner.ok());
  auto sequence = runner.value()->new_sequence().value();
  const size_t per_token = runner.value()->meta().kv_bytes_per_token;
  const auto ids = some_ids(40, 49152);
  ASSERT_TRUE(sequence->forward(ids, nullptr).ok());
  const KvUsage usage = sequence->kv_usage();
  EXPECT_EQ(usage.used_bytes, 40 * per_token);
  EXPECT_GE(usage.committed_bytes, usage.used_bytes);
  // Each of 30 x 3 heads has one run of K and one of V, each rounded to pages.
  EXPECT_LE(usage.committed_bytes, usage.used_bytes + 30 * 3 * 2 * 2 * page_size());
  ASSERT_TRUE(sequence->rewind(0).ok());
  EXPECT_EQ(sequence->kv_usage().committed_bytes, 0U);
}

}  // namespace
}  // namespace etb::runner
