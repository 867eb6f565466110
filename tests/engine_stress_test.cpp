// Engines on a small model that really computes - imported, mapped, on the runtime's pool and our
// kernels: the stress once more, memory that is refused, and the context that a device's memory
// decides.
#include <gtest/gtest.h>

#include <cstdio>

#include "engine/engine.h"
#include "engine/testing/stress.h"
#include "import/importer.h"
#include "platform/anonymous_memory.h"
#include "platform/test_folder.h"
#include "support/random_gguf.h"

namespace etb {
namespace {

#ifdef ETB_EMULATED
constexpr int kOperations = 400;
#else
constexpr int kOperations = 8'000;
#endif

class TinyModel : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string gguf = folder_.write("tiny.gguf", test::random_gguf({.context = 8192}));
    const auto report = import::import_gguf(gguf, path_, {});
    ASSERT_TRUE(report.ok()) << report.status().to_string();
  }
  EngineOptions options(uint32_t context) const {
    EngineOptions options;
    options.model = {.model = path_, .context = context, .threads = 2};
    options.pool.folder = folder_.path("pool");
    return options;
  }
  static Result<Answer> ask(Session& session, std::string text) {
    ETB_ASSIGN_OR_RETURN(const auto request,
                         session.submit(Prompt::user(std::move(text)),
                                        {.max_tokens = 16, .sampler = {.temperature = 0}}));
    return request->wait();
  }

  TestFolder folder_;
  const std::string path_ = folder_.path("tiny.pte");
};

TEST_F(TinyModel, EveryRequestEndsExactlyOnceUnderStress) {
  auto engine = Engine::load(options(256));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  testing::Stress stress(
      {.engine = std::move(engine).value(), .model = path_, .operations = kOperations});
  stress.run();
  const testing::Stress::Outcome outcome = stress.outcome();
  std::printf("%zu requests: %zu answered, %zu cancelled, %zu failed\n", outcome.requests,
              outcome.answered, outcome.cancelled, outcome.failed);
  EXPECT_EQ(outcome.wrong, 0u);
  EXPECT_EQ(outcome.different, 0u) << "the same ids gave another answer";
  EXPECT_GT(outcome.answered, 0u);
  EXPECT_EQ(outcome.answered + outcome.cancelled + outcome.failed, outcome.requests);
}

// Of our own large allocations - KV memory, planned memory - the nth is refused.
TEST_F(TinyModel, AnyLargeAllocationMayBeRefused) {
  auto loaded = Engine::load(options(512));
  ASSERT_TRUE(loaded.ok());
  Engine& engine = **loaded;
  const auto first = engine.new_session({.now_seconds = 0});
  const auto expected = ask(*first, "Hello");
  ASSERT_TRUE(expected.ok()) << expected.status().to_string();
  int refused = 0;
  for (int nth = 0; nth < 40; ++nth) {
    // Every other round the model has to come back too.
    if (nth % 2 == 1) {
      ASSERT_TRUE(engine.holder().unload(holder::WhileBusy::Wait, nullptr).ok());
    }
    const auto session = engine.new_session({.now_seconds = 0});
    engine.holder().run([](holder::Resident*) {});
    Status status;
    {
      int left = nth / 2;
      const MemoryFault fault([&left](size_t) { return left-- == 0; });
      status = ask(*session, "Hello").status();
      engine.holder().run([](holder::Resident*) {});
    }
    if (status.ok()) continue;
    ++refused;
    EXPECT_EQ(status.code(), StatusCode::OutOfMemory) << nth << ": " << status.to_string();
    EXPECT_TRUE(session->messages().empty());
    const auto again = ask(*session, "Hello");
    ASSERT_TRUE(again.ok()) << nth << ": " << again.status().to_string();
    EXPECT_EQ(again->ids, expected->ids);
  }
  EXPECT_GE(refused, 3);
  EXPECT_TRUE(ask(*first, "Still there?").ok());
}

// A machine of that much memory, half of it available.
class Device {
 public:
  explicit Device(uint64_t mebibytes) {
    const auto kb = [](uint64_t mib) { return std::to_string(mib * 1024) + " kB\n"; };
    root_.write("proc/meminfo",
                "MemTotal: " + kb(mebibytes) + "MemAvailable: " + kb(mebibytes / 2));
    root_.write("proc/self/status", "VmRSS:\t 90000 kB\nRssAnon:\t 80000 kB\n");
    root_.write("proc/self/stat", "1 (app) S 1 1 1 0 -1 0 10 0 0 0\n");
  }
  std::string root() const { return root_.path(); }

 private:
  TestFolder root_;
};

TEST_F(TinyModel, TheDevicesMemoryDecidesTheContext) {
  const auto context_on = [&](uint64_t mebibytes) {
    const Device device(mebibytes);
    EngineOptions chosen = options(0);
    chosen.model.memory.root = device.root();
    chosen.monitor.period_ms = 0;
    const auto engine = Engine::load(chosen);
    EXPECT_TRUE(engine.ok()) << engine.status().to_string();
    if (!engine.ok()) return uint32_t{0};
    const auto model = (*engine)->model();
    EXPECT_EQ(model->meta.context, model->memory.context);
    EXPECT_FALSE(model->memory.reasoning.empty());
    return model->meta.context;
  };
  const uint32_t large = context_on(32 * 1024);
  EXPECT_EQ(context_on(8 * 1024), large / 2);
  EXPECT_EQ(context_on(4 * 1024), large / 4);
  EXPECT_GE(large, 2048u);
}

TEST_F(TinyModel, WhatDoesNotFitIsRefusedWithTheNumbersAndLeavesTheModelBefore) {
  const Device device(16);
  auto before = Engine::load(options(256));
  ASSERT_TRUE(before.ok());
  Engine& engine = **before;
  const auto session = engine.new_session({.now_seconds = 0});
  ASSERT_TRUE(ask(*session, "Hello").ok());
  ModelOptions too_much{.model = path_, .context = 8192};
  too_much.memory.root = device.root();
  const auto done = std::make_shared<std::promise<Status>>();
  ASSERT_TRUE(
      engine
          .load_model({.model = too_much, .done = [done](const Status& s) { done->set_value(s); }})
          .ok());
  const Status refused = done->get_future().get();
  EXPECT_EQ(refused.code(), StatusCode::OutOfMemory) << refused.to_string();
  EXPECT_NE(refused.message().find("MiB"), std::string_view::npos) << refused.message();
  EXPECT_TRUE(ask(*session, "Still there?").ok());
  EXPECT_EQ(engine.model()->meta.context, 256u);
}

}  // namespace
}  // namespace etb
