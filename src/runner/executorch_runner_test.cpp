// The real runtime under the runner: loading, feeding, positions, errors - on a tiny exact model.
#include "runner/executorch_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/clock.h"
#include "platform/memory_info.h"
#include "runner/executorch_sequence.h"
#include "runner/runtime.h"
#include "runner/testing/tiny_model.h"

namespace etb::runner {
namespace {

using testing::load_tiny;
using testing::PteFileSpec;
using testing::random_ids;
using testing::TemporaryFile;
using testing::TinyModel;

std::vector<float> copy(std::span<const float> logits) {
  return {logits.begin(), logits.end()};
}

TEST(ExecutorchRunner, ReadsWhatTheProgramSaysOfItself) {
  const auto runner = load_tiny();
  const RunnerMeta& meta = runner->meta();
  EXPECT_EQ(meta.context, 64U);
  EXPECT_EQ(meta.chunk, 8U);
  EXPECT_EQ(meta.vocab_size, 50U);
  EXPECT_EQ(meta.bos, TokenId{1});
  EXPECT_EQ(meta.eos, (std::vector<TokenId>{2, 9}));
  EXPECT_TRUE(meta.has_forward_all);
  EXPECT_EQ(meta.kv_arena_bytes, 64U * 4U);
  EXPECT_EQ(meta.activation_bytes, 8U * 50U * 4U);
  EXPECT_GE(meta.threads, 1U);
  EXPECT_FALSE(meta.kernel_path.empty());
}

TEST(ExecutorchRunner, FeedsAPromptInChunks) {
  const TinyModel model;
  const auto runner = load_tiny(model);
  const auto ids = random_ids(model.context, model.vocab);
  for (const size_t length : {1U, 7U, 8U, 9U, 16U, 63U, 64U}) {
    auto sequence = runner->new_sequence().value();
    const auto prompt = std::span(ids).first(length);
    const auto logits = sequence->forward(prompt, nullptr);
    ASSERT_TRUE(logits.ok()) << logits.status().to_string();
    EXPECT_EQ(copy(*logits), testing::tiny_logits(model, prompt));
    EXPECT_EQ(sequence->position(), length);
  }
}

TEST(ExecutorchRunner, AnyCutOfAPromptGivesTheSameLogits) {
  const TinyModel model;
  const auto runner = load_tiny(model);
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    const auto ids = random_ids(1 + random() % 64, model.vocab, static_cast<uint32_t>(round));
    auto sequence = runner->new_sequence().value();
    std::vector<float> last;
    for (size_t done = 0; done < ids.size();) {
      const size_t count = std::min<size_t>(1 + random() % 20, ids.size() - done);
      last = copy(sequence->forward(std::span(ids).subspan(done, count), nullptr).value());
      done += count;
    }
    ASSERT_EQ(last, testing::tiny_logits(model, ids));
  }
}

TEST(ExecutorchRunner, ForwardAllVisitsEveryPositionInOrder) {
  const TinyModel model;
  const auto runner = load_tiny(model);
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(21, model.vocab);
  size_t seen = 0;
  const Status status =
      sequence->forward_all(ids, nullptr, [&](size_t index, std::span<const float> logits) {
        EXPECT_EQ(index, seen++);
        EXPECT_EQ(copy(logits), testing::tiny_logits(model, std::span(ids).first(index + 1)));
        return Status();
      });
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(seen, ids.size());
  // forward goes on over the same KV memory.
  std::vector<TokenId> longer = ids;
  longer.push_back(5);
  EXPECT_EQ(copy(sequence->forward(std::span(longer).last(1), nullptr).value()),
            testing::tiny_logits(model, longer));
}

TEST(ExecutorchRunner, AVisitorsErrorEndsThePass) {
  const auto runner = load_tiny();
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(20, 50);
  const Status status = sequence->forward_all(ids, nullptr, [&](size_t index, auto) {
    return index == 9 ? Status(StatusCode::Busy, "enough") : Status();
  });
  EXPECT_EQ(status.code(), StatusCode::Busy);
  EXPECT_EQ(sequence->position(), 16U);  // the chunk that holds index 9 had run whole
}

TEST(ExecutorchRunner, SequencesDoNotDisturbEachOther) {
  const TinyModel model;
  const auto runner = load_tiny(model);
  const auto a = random_ids(40, model.vocab, 1);
  const auto b = random_ids(40, model.vocab, 2);
  auto first = runner->new_sequence().value();
  auto second = runner->new_sequence().value();
  for (size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(copy(first->forward(std::span(a).subspan(i, 1), nullptr).value()),
              testing::tiny_logits(model, std::span(a).first(i + 1)));
    EXPECT_EQ(copy(second->forward(std::span(b).subspan(i, 1), nullptr).value()),
              testing::tiny_logits(model, std::span(b).first(i + 1)));
  }
}

TEST(ExecutorchRunner, ARewoundSequenceGoesOnAsIfNothingHadFollowed) {
  const TinyModel model{.rows = true};
  const auto runner = load_tiny(model);
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(60, model.vocab);
  ASSERT_TRUE(sequence->forward(ids, nullptr).ok());
  for (const uint32_t position : {41U, 8U, 1U, 0U}) {
    ASSERT_TRUE(sequence->rewind(position).ok());
    EXPECT_EQ(sequence->position(), position);
    std::vector<TokenId> other(ids.begin(), ids.begin() + position);
    const auto tail = random_ids(9, model.vocab, position + 100);
    other.insert(other.end(), tail.begin(), tail.end());
    EXPECT_EQ(copy(sequence->forward(tail, nullptr).value()), testing::tiny_logits(model, other));
    // Back on the first way for the next round: what it reads again was not written anew.
    ASSERT_TRUE(sequence->rewind(position).ok());
  }
  EXPECT_EQ(sequence->rewind(1).code(), StatusCode::InvalidArgument);
}

TEST(ExecutorchRunner, ChecksIdsAndRoomBeforeAnythingRuns) {
  const TinyModel model;
  const auto runner = load_tiny(model);
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(65, model.vocab);
  EXPECT_EQ(sequence->forward({}, nullptr).status().code(), StatusCode::InvalidArgument);
  const TokenId beyond[] = {3, 50};
  const Status bad = sequence->forward(beyond, nullptr).status();
  EXPECT_EQ(bad.code(), StatusCode::InvalidArgument);
  EXPECT_NE(bad.message().find("token 50 (number 1)"), std::string_view::npos) << bad.message();
  EXPECT_EQ(sequence->forward(ids, nullptr).status().code(), StatusCode::ContextFull);
  EXPECT_EQ(sequence->position(), 0U);
  ASSERT_TRUE(sequence->forward(std::span(ids).first(64), nullptr).ok());
  EXPECT_EQ(sequence->forward(std::span(ids).last(1), nullptr).status().code(),
            StatusCode::ContextFull);
  EXPECT_EQ(sequence->position(), 64U);
}

// Where it is unknown what a file keeps there is no way back but to the start, which is as new.
TEST(ExecutorchRunner, AnUnknownStateRewindsToTheStartOnly) {
  const TinyModel model{.recurrent = true};
  const auto runner = load_tiny(model);
  EXPECT_EQ(runner->meta().model_key, 0U);
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(30, model.vocab);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(copy(sequence->forward(ids, nullptr).value()), testing::tiny_logits(model, ids));
    EXPECT_EQ(sequence->rewind_floor(), 30U);
    EXPECT_EQ(sequence->rewind(12).code(), StatusCode::InvalidArgument);
    EXPECT_TRUE(sequence->rewind(30).ok());
    ASSERT_TRUE(sequence->rewind(0).ok());
    EXPECT_EQ(sequence->position(), 0U);
  }
}

TEST(ExecutorchRunner, AFailedChunkOfAnUnknownStateLosesAllOfIt) {
  const TinyModel model{.recurrent = true};
  const auto runner = load_tiny(model);
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(30, model.vocab);
  testing::fail_at(16);
  EXPECT_EQ(sequence->forward(ids, nullptr).status().code(), StatusCode::Internal);
  EXPECT_EQ(sequence->position(), 0U);
  EXPECT_EQ(copy(sequence->forward(ids, nullptr).value()), testing::tiny_logits(model, ids));
}

TEST(ExecutorchRunner, AFailedChunkLeavesThePositionAtTheLastWholeOne) {
  const TinyModel model{.rows = true};
  const auto runner = load_tiny(model);
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(30, model.vocab);
  testing::fail_at(16);
  const Status status = sequence->forward(ids, nullptr).status();
  EXPECT_EQ(status.code(), StatusCode::Internal);
  EXPECT_NE(status.message().find("method 'forward'"), std::string_view::npos) << status.message();
  EXPECT_EQ(sequence->position(), 16U);
  EXPECT_EQ(copy(sequence->forward(std::span(ids).subspan(16), nullptr).value()),
            testing::tiny_logits(model, ids));
}

TEST(ExecutorchRunner, CancelStopsBetweenAndInsideChunks) {
  const TinyModel model;
  const auto runner = load_tiny(model);
  auto sequence = runner->new_sequence().value();
  const auto ids = random_ids(40, model.vocab);
  CancelToken before;
  before.cancel();
  EXPECT_EQ(sequence->forward(ids, &before).status().code(), StatusCode::Cancelled);
  EXPECT_EQ(sequence->position(), 0U);
  CancelToken later;
  const Status status = sequence->forward_all(ids, &later, [&](size_t index, auto) {
    if (index == 12) later.cancel();
    return Status();
  });
  EXPECT_EQ(status.code(), StatusCode::Cancelled);
  EXPECT_EQ(sequence->position(), 16U);
  EXPECT_EQ(copy(sequence->forward(std::span(ids).subspan(16), nullptr).value()),
            testing::tiny_logits(model, ids));
}

TEST(ExecutorchRunner, AProgramMadeAgainUsesTheFilesWeights) {
  TinyModel model;
  const TemporaryFile file(testing::write_pte(testing::tiny_spec(model)));
  const auto mapped = file.map();
  model.context = 128;
  model.chunk = 16;
  auto runner = ExecutorchRunner::load(
      {.file = mapped, .program = testing::write_program(testing::tiny_spec(model))}, {},
      testing::tiny_operators());
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  EXPECT_EQ(runner.value()->meta().context, 128U);
  EXPECT_EQ(runner.value()->meta().chunk, 16U);
  auto sequence = runner.value()->new_sequence().value();
  const auto ids = random_ids(100, model.vocab);
  EXPECT_EQ(copy(sequence->forward(ids, nullptr).value()), testing::tiny_logits(model, ids));
  const auto bytes = mapped->bytes();
  EXPECT_GE(testing::last_weights_seen(), bytes.data());
  EXPECT_LT(testing::last_weights_seen(), bytes.data() + bytes.size());
  EXPECT_EQ(*testing::last_weights_seen(), 0xAB);
}

TEST(ExecutorchRunner, WeightsAreNeitherCopiedNorRead) {
  TinyModel model;
  model.ballast_bytes = 16 << 20;
  const TemporaryFile file(testing::write_pte(testing::tiny_spec(model)));
  const auto mapped = file.map();
  const uint64_t before = process_memory().value().rss_bytes;
  const int64_t start = Clock::system().now_ns();
  auto runner = ExecutorchRunner::load({.file = mapped}, {}, testing::tiny_operators());
  ASSERT_TRUE(runner.ok()) << runner.status().to_string();
  const double ms = elapsed_ms(start, Clock::system().now_ns());
  auto sequence = runner.value()->new_sequence().value();
  ASSERT_TRUE(sequence->forward(random_ids(3, model.vocab), nullptr).ok());
  const uint64_t grown = process_memory().value().rss_bytes - before;
  std::printf("load of a 32 MiB file: %.2f ms, resident memory grew by %.2f MiB\n", ms,
              static_cast<double>(grown) / (1 << 20));
  EXPECT_LT(grown, uint64_t{8} << 20);
  const auto bytes = mapped->bytes();
  EXPECT_GE(testing::last_weights_seen(), bytes.data());
  EXPECT_LT(testing::last_weights_seen(), bytes.data() + bytes.size());
}

TEST(ExecutorchRunner, ASequenceKeepsItsRunnerAlive) {
  const TinyModel model;
  std::unique_ptr<Sequence> sequence;
  {
    const auto runner = load_tiny(model);
    sequence = runner->new_sequence().value();
  }
  const auto ids = random_ids(5, model.vocab);
  EXPECT_EQ(copy(sequence->forward(ids, nullptr).value()), testing::tiny_logits(model, ids));
}

}  // namespace
}  // namespace etb::runner
