// The fake keeps the contract of sequence.h, so that what passes over it passes over a model.
#include "runner/fake_runner.h"

#include <gtest/gtest.h>

#include "runner/candidates.h"

namespace etb::runner {
namespace {

TEST(FakeRunner, SaysItsReply) {
  const auto runner =
      FakeRunner::make({.vocab_size = 20, .script = scripted_reply(3, {7, 8}, 2, 20)});
  auto sequence = runner->new_sequence().value();
  const TokenId prompt[] = {4, 5, 6};
  std::vector<TokenId> said = {argmax(sequence->forward(prompt, nullptr).value())};
  for (int i = 0; i < 3; ++i) {
    const TokenId last[] = {said.back()};
    said.push_back(argmax(sequence->forward(last, nullptr).value()));
  }
  EXPECT_EQ(said, (std::vector<TokenId>{7, 8, 2, 2}));
  EXPECT_EQ(runner->counts().calls, 4U);
  EXPECT_EQ(runner->counts().ids, 6U);
  EXPECT_EQ(sequence->position(), 6U);
}

TEST(FakeRunner, KeepsToTheContract) {
  const auto runner = FakeRunner::make({.vocab_size = 10, .context = 20, .chunk = 4});
  auto sequence = runner->new_sequence().value();
  const std::vector<TokenId> ids(21, 3);
  EXPECT_EQ(sequence->forward({}, nullptr).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence->forward(std::vector<TokenId>{10}, nullptr).status().code(),
            StatusCode::InvalidArgument);
  EXPECT_EQ(sequence->forward(ids, nullptr).status().code(), StatusCode::ContextFull);
  EXPECT_EQ(sequence->position(), 0U);
  EXPECT_TRUE(sequence->forward(std::span(ids).first(20), nullptr).ok());
  EXPECT_EQ(runner->counts().chunks, 5U);
  EXPECT_EQ(sequence->rewind(21).code(), StatusCode::InvalidArgument);
  EXPECT_TRUE(sequence->rewind(11).ok());
  EXPECT_EQ(sequence->position(), 11U);
}

TEST(FakeRunner, StopsAtTheLastWholeChunk) {
  CancelToken cancel;
  FakeModel model{.chunk = 4};
  model.before_chunk = [&](uint32_t position) {
    if (position == 8) cancel.cancel();
    return Status();
  };
  const auto runner = FakeRunner::make(model);
  auto sequence = runner->new_sequence().value();
  const std::vector<TokenId> ids(16, 3);
  EXPECT_EQ(sequence->forward(ids, &cancel).status().code(), StatusCode::Cancelled);
  EXPECT_EQ(sequence->position(), 8U);
}

TEST(FakeRunner, FailsWhenTold) {
  FakeModel model{.chunk = 4};
  model.before_chunk = [](uint32_t position) {
    return position >= 4 ? Status(StatusCode::Internal, "told to") : Status();
  };
  const auto runner = FakeRunner::make(model);
  auto sequence = runner->new_sequence().value();
  EXPECT_EQ(sequence->forward(std::vector<TokenId>(9, 3), nullptr).status().code(),
            StatusCode::Internal);
  EXPECT_EQ(sequence->position(), 4U);
}

TEST(FakeRunner, VisitsAllPositions) {
  const auto runner = FakeRunner::make({.vocab_size = 10, .chunk = 2});
  auto sequence = runner->new_sequence().value();
  std::vector<TokenId> next;
  const TokenId ids[] = {1, 5, 9};
  ASSERT_TRUE(sequence
                  ->forward_all(ids, nullptr,
                                [&](size_t, std::span<const float> logits) {
                                  next.push_back(argmax(logits));
                                  return Status();
                                })
                  .ok());
  EXPECT_EQ(next, (std::vector<TokenId>{2, 6, 0}));
}

TEST(FakeRunner, HandsItsRowsOn) {
  const auto runner = FakeRunner::make({.vocab_size = 10, .model_key = 5});
  auto first = runner->new_sequence().value();
  const TokenId ids[] = {1, 5, 9, 2, 3, 8};
  ASSERT_TRUE(first->forward(ids, nullptr).ok());
  EXPECT_TRUE(std::equal(first->ids().begin(), first->ids().end(), ids, ids + 6));
  auto second = runner->new_sequence().value();
  ASSERT_TRUE(second->append_rows(first->copy_rows(0, 2)->view()).ok());
  EXPECT_EQ(second->append_rows(first->copy_rows(3, 4)->view()).code(),
            StatusCode::InvalidArgument);
  ASSERT_TRUE(second->append_from(*first, 5).ok());
  EXPECT_TRUE(std::equal(second->ids().begin(), second->ids().end(), ids, ids + 5));
  EXPECT_EQ(argmax(second->forward(std::span(ids).last(1), nullptr).value()), 9U);
  EXPECT_EQ(runner->counts().rows_copied, 3U);
  EXPECT_EQ(runner->counts().rows_appended, 5U);
  // It has parted from the first.
  ASSERT_TRUE(second->rewind(1).ok());
  ASSERT_TRUE(second->forward(std::span(ids).first(1), nullptr).ok());
  EXPECT_EQ(second->append_from(*first, 6).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(second->copy_rows(0, 3).status().code(), StatusCode::InvalidArgument);

  const auto other = FakeRunner::make({.vocab_size = 10, .model_key = 6, .model_name = "other"});
  const Status foreign = other->new_sequence().value()->append_rows(first->copy_rows(0, 2)->view());
  EXPECT_EQ(foreign.code(), StatusCode::InvalidArgument);
  EXPECT_NE(foreign.message().find("'other'"), std::string_view::npos) << foreign.message();
  EXPECT_EQ(other->new_sequence().value()->append_from(*first, 2).code(),
            StatusCode::InvalidArgument);
  const auto opaque = FakeRunner::make({.model_key = 0});
  EXPECT_EQ(opaque->new_sequence().value()->copy_rows(0, 0).status().code(),
            StatusCode::Unsupported);
}

}  // namespace
}  // namespace etb::runner
