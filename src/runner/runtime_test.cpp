// Loads that fail: each names the file, what is wrong with it and the remedy; nothing reaches
// stderr.
#include "runner/runtime.h"

#include <gtest/gtest.h>

#include <executorch/runtime/platform/log.h>

#include <mutex>
#include <thread>

#include "base/log.h"
#include "model/precheck.h"
#include "runner/executorch_runner.h"
#include "runner/testing/tiny_model.h"

namespace etb::runner {
namespace {

using testing::load_spec;
using testing::PteFileSpec;
using testing::TemporaryFile;
using testing::TinyModel;

Status load_bytes(std::span<const uint8_t> bytes) {
  const TemporaryFile file(bytes);
  return ExecutorchRunner::load({.file = file.map()}, {}, testing::tiny_operators()).status();
}

bool mentions(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

// Collects what reaches the host's log while it lives.
class LogRecorder {
 public:
  LogRecorder() { set_log_sink(&LogRecorder::sink, this); }
  ~LogRecorder() { set_log_sink(nullptr, nullptr); }
  bool contains(LogLevel level, std::string_view text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [l, line] : lines_) {
      if (l == level && line.find(text) != std::string::npos) return true;
    }
    return false;
  }

 private:
  static void sink(void* user, LogLevel level, std::string_view message) {
    auto* self = static_cast<LogRecorder*>(user);
    const std::lock_guard<std::mutex> lock(self->mutex_);
    self->lines_.emplace_back(level, message);
  }
  std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_;
};

TEST(Runtime, RoutesItsLogToOurs) {
  ensure_runtime();
  LogRecorder recorder;
  ::testing::internal::CaptureStderr();
  ET_LOG(Error, "line %d", 42);
  ET_LOG(Info, "some news");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_TRUE(recorder.contains(LogLevel::Error, "executorch: line 42 (runtime_test.cpp:"));
  EXPECT_TRUE(recorder.contains(LogLevel::Info, "some news"));
}

TEST(Runtime, CapturesTheErrorsOfItsOwnThreadOnly) {
  ensure_runtime();
  LogRecorder recorder;
  LogCapture outer;
  {
    LogCapture inner;
    ET_LOG(Error, "mine");
    std::thread([] { ET_LOG(Error, "another thread's"); }).join();
    EXPECT_EQ(inner.lines(), std::vector<std::string>{"mine"});
  }
  EXPECT_TRUE(outer.lines().empty());
  EXPECT_TRUE(recorder.contains(LogLevel::Debug, "mine"));
  EXPECT_TRUE(recorder.contains(LogLevel::Error, "another thread's"));
}

TEST(Runtime, CaptureIsBounded) {
  LogCapture capture;
  for (int i = 0; i < 1000; ++i) capture.add(std::string(5000, 'x'));
  EXPECT_LE(capture.lines().size(), 64U);
  EXPECT_LE(capture.lines().front().size(), 512U);
}

TEST(Runtime, TurnsErrorsIntoStatuses) {
  using executorch::runtime::Error;
  LogCapture capture;
  capture.add("what the runtime said");
  const auto status = [&](RuntimeStep step, Error error) {
    return runtime_status(step, error, "m.pte: method 'forward'", capture);
  };
  EXPECT_EQ(status(RuntimeStep::LoadProgram, Error::InvalidProgram).code(), StatusCode::Corrupt);
  EXPECT_EQ(status(RuntimeStep::LoadMethod, Error::InvalidArgument).code(), StatusCode::Corrupt);
  EXPECT_EQ(status(RuntimeStep::Execute, Error::InvalidArgument).code(), StatusCode::Internal);
  EXPECT_EQ(status(RuntimeStep::LoadMethod, Error::NotSupported).code(), StatusCode::Unsupported);
  EXPECT_EQ(status(RuntimeStep::Execute, Error::MemoryAllocationFailed).code(),
            StatusCode::OutOfMemory);
  const Status text = status(RuntimeStep::LoadProgram, Error::InvalidProgram);
  EXPECT_TRUE(mentions(text, "m.pte: method 'forward'"));
  EXPECT_TRUE(mentions(text, "what the runtime said"));
  EXPECT_TRUE(mentions(text, "Error::InvalidProgram"));
}

TEST(Runtime, ListsNamesUpToALimit) {
  EXPECT_EQ(name_list({"a", "b"}), "'a', 'b'");
  EXPECT_EQ(name_list({}), "");
  EXPECT_TRUE(name_list(std::vector<std::string>(20, "x")).ends_with("'x' and 4 more"));
}

TEST(Load, NamesEveryMissingOperatorOnce) {
  PteFileSpec spec = testing::tiny_spec({});
  auto& calls = spec.methods[0].calls;
  const auto args = calls[0].args;
  calls.insert(calls.begin(), {"llama::custom_sdpa", "out", args});
  calls.insert(calls.begin(), {"llama::update_cache", "out", args});
  calls.insert(calls.begin(), {"llama::update_cache", "out", args});
  ::testing::internal::CaptureStderr();
  const Status status = load_spec(spec).status();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_TRUE(mentions(status, "'llama::update_cache.out', 'llama::custom_sdpa.out'"))
      << status.to_string();
  EXPECT_TRUE(mentions(status, ".pte: method 'forward'")) << status.to_string();
  EXPECT_TRUE(mentions(status, "etbridge import")) << status.to_string();
}

TEST(Load, NamesAMissingOperatorOfAnyMethod) {
  PteFileSpec spec = testing::tiny_spec({});
  spec.methods[1].calls[0].op = "nobody::mm";
  const Status status = load_spec(spec).status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_TRUE(mentions(status, "method 'forward_all'")) << status.to_string();
  EXPECT_TRUE(mentions(status, "'nobody::mm.out'")) << status.to_string();
}

// It would write into the mapped file. The stock form names the placeholder behind the cache as the
// result, so only a signature tells.
TEST(Load, RefusesToUpdateACacheThatIsAConstant) {
  PteFileSpec spec = testing::tiny_spec({});
  spec.constants.emplace_back(4 * 4 * sizeof(float));
  const auto constant = static_cast<uint32_t>(spec.constants.size());
  auto& method = spec.methods[0];
  const auto first = static_cast<int32_t>(method.values.size());
  using testing::PteTensor;
  method.values.emplace_back(PteTensor{.sizes = {1, 1, 1, 4}, .memory_id = 1, .name = {}});
  method.values.emplace_back(PteTensor{.sizes = {1, 4, 1, 4}, .constant = constant, .name = {}});
  method.values.emplace_back(int64_t{0});
  method.calls.insert(method.calls.begin(),
                      {"llama::update_cache", "out", {first, first + 1, first + 2, first, first}});
  const TemporaryFile file(testing::write_pte(spec));
  const Status status = TextRunner::load({.file = file.map()}, {}).status();
  EXPECT_EQ(status.code(), StatusCode::Corrupt);
  EXPECT_TRUE(mentions(status, "llama::update_cache.out: its argument 1")) << status.to_string();
}

TEST(Load, NamesEveryMissingBackend) {
  PteFileSpec spec = testing::tiny_spec({});
  spec.methods[0].backends = {"CoreMLBackend", "QnnBackend"};
  const Status status = load_spec(spec).status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_TRUE(mentions(status, "'CoreMLBackend', 'QnnBackend'")) << status.to_string();
}

TEST(Load, SaysWhyAProgramIsNoTextModel) {
  PteFileSpec spec = testing::tiny_spec({});
  spec.methods[0].name = "encode";
  Status status = load_spec(spec).status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_TRUE(
      mentions(status, "neither a method 'forward' nor 'text_decoder' nor 'prefill' and 'decode'"))
      << status.to_string();
  EXPECT_TRUE(mentions(status, "'encode'")) << status.to_string();

  spec = testing::tiny_spec({});
  std::get<testing::PteTensor>(spec.methods[0].values[0]).type = testing::Scalar::Float;
  status = load_spec(spec).status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_TRUE(mentions(status, "tokens has type")) << status.to_string();

  spec = testing::tiny_spec({});
  std::erase_if(spec.methods, [](const auto& m) {
    return m.name == "get_max_context_len" || m.name == "get_max_seq_len";
  });
  status = load_spec(spec).status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_TRUE(mentions(status, "get_max_context_len")) << status.to_string();
}

TEST(Load, RefusesMetadataThatContradictsTheProgram) {
  const auto with = [](const char* name, std::vector<int64_t> values) {
    PteFileSpec spec = testing::tiny_spec({});
    for (auto& method : spec.methods) {
      if (method.name == name) method = testing::constant_method(name, values);
    }
    return load_spec(spec).status();
  };
  EXPECT_EQ(with("get_vocab_size", {50}).code(), StatusCode::Ok);
  EXPECT_EQ(with("get_vocab_size", {51}).code(), StatusCode::Corrupt);
  EXPECT_EQ(with("get_eos_ids", {50}).code(), StatusCode::Corrupt);
  EXPECT_EQ(with("get_eos_ids", {-1}).code(), StatusCode::Corrupt);
  EXPECT_EQ(with("get_bos_id", {50}).code(), StatusCode::Corrupt);
  EXPECT_EQ(with("get_max_context_len", {-5}).code(), StatusCode::Corrupt);
}

TEST(Load, ChecksTheKernelPath) {
  const TemporaryFile file(testing::write_pte(testing::tiny_spec({})));
  const auto load = [&](const char* path) {
    return ExecutorchRunner::load({.file = file.map()}, {.kernel_path = path},
                                  testing::tiny_operators());
  };
  EXPECT_EQ(load("scalar").value()->meta().kernel_path, "scalar");
  EXPECT_EQ(load("abacus").status().code(), StatusCode::InvalidArgument);
  EXPECT_TRUE(mentions(load("abacus").status(), "'scalar'"));
  EXPECT_EQ(TextRunner::load({}, {}).status().code(), StatusCode::InvalidArgument);
}

TEST(Load, GivesAnErrorForEveryTruncation) {
  const auto whole = testing::write_pte(testing::tiny_spec({}));
  for (size_t size = 1; size < whole.size(); size += size < 4096 ? 37 : 509) {
    const Status status = load_bytes(std::span(whole).first(size));
    ASSERT_FALSE(status.ok()) << size;
    ASSERT_TRUE(mentions(status, ".pte")) << status.to_string();
  }
}

TEST(Load, SurvivesDamagedPrograms) {
  const auto whole = testing::write_pte(testing::tiny_spec({}));
  const auto program = testing::write_program(testing::tiny_spec({}));
  const TemporaryFile file(whole);
  const auto mapped = file.map();
  int ran = 0;
  int refused = 0;
  for (size_t at = 0; at < program.size(); at += 3) {
    auto damaged = program;
    damaged[at] = static_cast<uint8_t>(damaged[at] ^ (1U << (at % 8)));
    auto runner =
        ExecutorchRunner::load({.file = mapped, .program = damaged}, {}, testing::tiny_operators());
    if (!runner.ok()) {
      ++refused;
      continue;
    }
    auto sequence = runner.value()->new_sequence();
    if (!sequence.ok()) continue;
    const TokenId ids[] = {1, 2, 3};
    if ((*sequence)->forward(ids, nullptr).ok()) ++ran;
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace etb::runner
