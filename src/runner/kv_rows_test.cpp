// Rows on the real runtime: a prefix that was copied in gives, bit by bit, what one that was run
// gives - through rows, from sequence to sequence, over other contexts, behind a sliding window.
#include <gtest/gtest.h>

#include <random>

#include "runner/executorch_runner.h"
#include "runner/executorch_sequence.h"
#include "runner/fake_runner.h"
#include "runner/testing/tiny_model.h"

namespace etb::runner {
namespace {

using testing::load_tiny;
using testing::random_ids;
using testing::TemporaryFile;
using testing::TinyModel;

// Feeds the rest of `ids` one by one and checks the logits after each.
void expect_exact(const TinyModel& model, Sequence& sequence, std::span<const TokenId> ids) {
  while (sequence.position() < ids.size()) {
    const uint32_t at = sequence.position();
    const auto logits = sequence.forward(ids.subspan(at, 1), nullptr);
    ASSERT_TRUE(logits.ok()) << logits.status().to_string();
    ASSERT_EQ(std::vector<float>(logits->begin(), logits->end()),
              testing::tiny_logits(model, ids.first(at + 1)))
        << "position " << at;
  }
  ASSERT_TRUE(std::equal(ids.begin(), ids.end(), sequence.ids().begin(), sequence.ids().end()));
}

TEST(KvRows, APrefixOfRowsGivesTheLogitsOfOneThatWasRun) {
  const TinyModel model{.context = 256, .rows = true};
  const auto runner = load_tiny(model);
  EXPECT_NE(runner->meta().model_key, 0U);
  EXPECT_EQ(runner->meta().model_name, "Tiny");
  const auto ids = random_ids(200, model.vocab);
  auto source = runner->new_sequence().value();
  ASSERT_TRUE(source->forward(ids, nullptr).ok());
  for (const uint32_t length : {0U, 1U, 15U, 16U, 17U, 100U, 199U}) {
    auto sequence = runner->new_sequence().value();
    ASSERT_TRUE(sequence->append_rows(source->copy_rows(0, length)->view()).ok());
    expect_exact(model, *sequence, ids);
    auto fork = runner->new_sequence().value();
    ASSERT_TRUE(fork->append_from(*source, length).ok());
    expect_exact(model, *fork, ids);
    // From where a sequence of its own has come to already.
    ASSERT_TRUE(fork->rewind(length / 3).ok());
    ASSERT_TRUE(fork->append_from(*source, length).ok());
    expect_exact(model, *fork, ids);
  }
}

TEST(KvRows, FitOtherContextsOfTheSameModel) {
  const TinyModel large{.context = 512, .chunk = 32, .rows = true};
  TinyModel small = large;
  small.context = 128;
  small.chunk = 5;
  const auto ids = random_ids(300, large.vocab);
  auto in_large = load_tiny(large)->new_sequence().value();
  const auto small_runner = load_tiny(small);
  auto in_small = small_runner->new_sequence().value();
  ASSERT_TRUE(in_small->forward(std::span(ids).first(77), nullptr).ok());
  ASSERT_TRUE(in_large->append_rows(in_small->copy_rows(0, 77)->view()).ok());
  expect_exact(large, *in_large, ids);
  const auto back = in_large->copy_rows(0, 129);
  EXPECT_EQ(small_runner->new_sequence().value()->append_rows(back->view()).code(),
            StatusCode::ContextFull);
  auto again = small_runner->new_sequence().value();
  ASSERT_TRUE(again->append_rows(in_large->copy_rows(0, 100)->view()).ok());
  expect_exact(small, *again, std::span(ids).first(128));
}

TEST(KvRows, ComeInAnyNumberOfPieces) {
  const TinyModel model{.context = 256, .rows = true};
  const auto runner = load_tiny(model);
  const auto ids = random_ids(200, model.vocab);
  auto source = runner->new_sequence().value();
  ASSERT_TRUE(source->forward(ids, nullptr).ok());
  std::mt19937 random(4);
  for (int round = 0; round < 50; ++round) {
    auto sequence = runner->new_sequence().value();
    while (sequence->position() < 190) {
      const uint32_t at = sequence->position();
      const auto next = static_cast<uint32_t>(at + 1 + random() % 60);
      const auto to = std::min(next, 190U);
      switch (random() % 3) {
        case 0:
          ASSERT_TRUE(sequence->append_rows(source->copy_rows(at, to)->view()).ok());
          break;
        case 1:
          ASSERT_TRUE(sequence->append_from(*source, to).ok());
          break;
        default:
          ASSERT_TRUE(sequence->forward(std::span(ids).subspan(at, to - at), nullptr).ok());
      }
    }
    expect_exact(model, *sequence, ids);
  }
}

TEST(KvRows, BehindASlidingWindow) {
  const TinyModel model{.context = 512, .rows = true, .window = 40};
  const auto runner = load_tiny(model);
  const auto ids = random_ids(400, model.vocab);
  auto source = runner->new_sequence().value();
  ASSERT_TRUE(source->forward(std::span(ids).first(300), nullptr).ok());
  const uint32_t floor = source->rewind_floor();
  ASSERT_GT(floor, 100U);
  const auto rows = source->copy_rows(0, 300);
  ASSERT_TRUE(rows.ok());
  EXPECT_LT(rows->bytes.size(), 300 * runner->meta().kv_bytes_per_token / 2);

  auto sequence = runner->new_sequence().value();
  ASSERT_TRUE(sequence->append_rows(rows->view()).ok());
  EXPECT_EQ(sequence->rewind_floor(), floor);
  EXPECT_EQ(sequence->rewind(floor - 1).code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(sequence->rewind(floor).ok());
  expect_exact(model, *sequence, ids);

  // A part whose window is not there yet cannot run; the rest makes it whole.
  auto part = runner->new_sequence().value();
  ASSERT_TRUE(part->append_rows(source->copy_rows(0, 50)->view()).ok());
  EXPECT_EQ(part->forward(std::span(ids).subspan(50, 1), nullptr).status().code(),
            StatusCode::InvalidArgument);
  ASSERT_TRUE(part->append_rows(source->copy_rows(50, 300)->view()).ok());
  expect_exact(model, *part, ids);
  ASSERT_TRUE(part->rewind(0).ok());
  expect_exact(model, *part, ids);

  auto fork = runner->new_sequence().value();
  EXPECT_EQ(fork->append_from(*source, floor - 1).code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(fork->append_from(*source, floor + 7).ok());
  expect_exact(model, *fork, ids);
}

TEST(KvRows, WrongOnesChangeNothing) {
  const TinyModel model{.context = 128, .rows = true};
  const auto runner = load_tiny(model);
  const auto ids = random_ids(60, model.vocab);
  auto source = runner->new_sequence().value();
  ASSERT_TRUE(source->forward(ids, nullptr).ok());
  auto sequence = runner->new_sequence().value();
  ASSERT_TRUE(sequence->forward(std::span(ids).first(20), nullptr).ok());
  const auto refused = [&](const kv::RowsView& rows) {
    const StatusCode code = sequence->append_rows(rows).code();
    EXPECT_EQ(sequence->position(), 20U);
    return code;
  };
  EXPECT_EQ(refused(source->copy_rows(19, 30)->view()), StatusCode::InvalidArgument);
  const auto good = source->copy_rows(20, 50);
  kv::RowsView rows = good->view();
  rows.bytes = rows.bytes.subspan(1);
  EXPECT_EQ(refused(rows), StatusCode::Corrupt);
  rows = good->view();
  rows.to = 51;
  EXPECT_EQ(refused(rows), StatusCode::Corrupt);
  std::vector<TokenId> unknown = good->ids;
  unknown[3] = model.vocab;
  rows = good->view();
  rows.ids = unknown;
  EXPECT_EQ(refused(rows), StatusCode::InvalidArgument);

  TinyModel other_weights = model;
  other_weights.weights_checksum = 2;
  const auto other = load_tiny(other_weights);
  EXPECT_NE(other->meta().model_key, runner->meta().model_key);
  EXPECT_EQ(other->new_sequence().value()->append_rows(source->copy_rows(0, 5)->view()).code(),
            StatusCode::InvalidArgument);
  EXPECT_EQ(other->new_sequence().value()->append_from(*source, 5).code(),
            StatusCode::InvalidArgument);
  EXPECT_EQ(sequence->append_from(*sequence, 20).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence->append_from(*source, 61).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence->append_from(*source, 19).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(source->copy_rows(5, 61).status().code(), StatusCode::InvalidArgument);
  const auto fake = FakeRunner::make({});
  EXPECT_EQ(sequence->append_from(*fake->new_sequence().value(), 20).code(),
            StatusCode::InvalidArgument);
  expect_exact(model, *sequence, ids);

  // Two that said different things do not mix.
  ASSERT_TRUE(sequence->rewind(10).ok());
  const TokenId different[] = {(ids[10] + 1) % model.vocab};
  ASSERT_TRUE(sequence->forward(different, nullptr).ok());
  const Status parted = sequence->append_from(*source, 50);
  EXPECT_EQ(parted.code(), StatusCode::InvalidArgument);
  EXPECT_NE(parted.message().find("position 10"), std::string_view::npos) << parted.message();
}

TEST(KvRows, AreOutOfReachInAFileWithoutAManifest) {
  const auto runner = load_tiny({});
  EXPECT_EQ(runner->meta().model_key, 0U);
  auto sequence = runner->new_sequence().value();
  const TokenId ids[] = {3, 4};
  ASSERT_TRUE(sequence->forward(ids, nullptr).ok());
  EXPECT_EQ(sequence->ids().size(), 2U);
  const Status status = sequence->copy_rows(0, 1).status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_NE(status.message().find("GGUF"), std::string_view::npos) << status.message();
  EXPECT_EQ(sequence->append_rows({}).code(), StatusCode::Unsupported);
  EXPECT_EQ(runner->new_sequence().value()->append_from(*sequence, 2).code(),
            StatusCode::Unsupported);
}

TEST(KvRows, ADeepRewindGivesTheirMemoryBack) {
  const TinyModel model{.context = 16384, .chunk = 512, .rows = true};
  const auto runner = load_tiny(model);
  auto sequence = runner->new_sequence().value();
  ASSERT_TRUE(sequence->forward(random_ids(4000, model.vocab), nullptr).ok());
  const size_t full = sequence->kv_usage().committed_bytes;
  EXPECT_GE(full, 4000 * runner->meta().kv_bytes_per_token);
  ASSERT_TRUE(sequence->rewind(1000).ok());
  EXPECT_LT(sequence->kv_usage().committed_bytes, full / 3);
  ASSERT_TRUE(sequence->rewind(0).ok());
  EXPECT_EQ(sequence->kv_usage().committed_bytes, 0U);
}

// Each large piece of memory of ours in turn cannot be had: activations and arenas of a load, those
// of a sequence, the bytes of copied rows.
TEST(KvRows, MemoryThatCannotBeHadIsATypedError) {
  const TinyModel model{.context = 256, .rows = true};
  const TemporaryFile file(testing::write_pte(testing::tiny_spec(model)));
  const auto ids = random_ids(100, model.vocab);
  const auto run = [&]() -> Status {
    ETB_ASSIGN_OR_RETURN(const auto runner, ExecutorchRunner::load({.file = file.map()}, {},
                                                                   testing::tiny_operators()));
    ETB_ASSIGN_OR_RETURN(const auto first, runner->new_sequence());
    ETB_ASSIGN_OR_RETURN(const auto second, runner->new_sequence());
    ETB_RETURN_IF_ERROR(first->forward(ids, nullptr).status());
    const auto rows = first->copy_rows(0, 90);
    // A copy that failed has cost nothing.
    expect_exact(model, *first, ids);
    ETB_RETURN_IF_ERROR(rows.status());
    ETB_RETURN_IF_ERROR(second->append_rows(rows->view()));
    expect_exact(model, *second, ids);
    return {};
  };
  size_t failures = 0;
  for (size_t nth = 1;; ++nth) {
    size_t asked = 0;
    const MemoryFault fault([&](size_t) { return ++asked == nth; });
    const Status status = run();
    if (asked < nth) {
      EXPECT_TRUE(status.ok()) << status.to_string();
      break;
    }
    EXPECT_EQ(status.code(), StatusCode::OutOfMemory) << status.to_string();
    ++failures;
  }
  EXPECT_GE(failures, 6U);
}

}  // namespace
}  // namespace etb::runner
