// Stock .pte files as their exporters write them, against the logits of the eager PyTorch model
// (tests/references/stock/make_fixtures.py): each token by itself, all at once, cut, over several
// turns, and after a rewind.
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/parallel.h"
#include "runner/testing/recorded.h"
#include "runner/text_runner.h"

namespace etb::runner {
namespace {

struct Fixture {
  std::string name;
  // Largest difference to the eager logits, relative to the largest of these. Quantised models
  // differ where a rounded activation falls on the other side.
  double tolerance = 1e-4;
  bool all_rows = false;
  bool ring = false;
};
std::ostream& operator<<(std::ostream& out, const Fixture& fixture) {
  return out << fixture.name;
}

class Stock : public ::testing::TestWithParam<Fixture> {
 protected:
  void SetUp() override {
    recorded_ = read_recorded(GetParam().name);
    ASSERT_GT(recorded_.ids.size(), 20u);
    auto runner = TextRunner::load(recorded_model(GetParam().name), {});
    ASSERT_TRUE(runner.ok()) << runner.status().to_string();
    runner_ = *runner;
    sequence_ = runner_->new_sequence().value();
  }

  std::span<const TokenId> ids(size_t from, size_t to) const {
    return std::span(recorded_.ids).subspan(from, to - from);
  }
  void expect_logits(size_t after, std::span<const float> logits, const char* what) {
    ASSERT_LE(distance(recorded_.logits[after], logits), GetParam().tolerance)
        << what << ", after token " << after;
  }
  // Feeds [from, to) and compares the last logits.
  void feed(size_t from, size_t to, const char* what) {
    const auto logits = sequence_->forward(ids(from, to), nullptr);
    ASSERT_TRUE(logits.ok()) << what << ": " << logits.status().to_string();
    expect_logits(to - 1, *logits, what);
  }

  Recorded recorded_;
  std::shared_ptr<TextRunner> runner_;
  std::unique_ptr<Sequence> sequence_;
};

TEST_P(Stock, SaysWhatItIs) {
  const RunnerMeta& meta = runner_->meta();
  EXPECT_EQ(meta.context, 64u);
  EXPECT_EQ(meta.vocab_size, 256u);
  EXPECT_EQ(meta.bos, 1u);
  EXPECT_EQ(meta.eos, (std::vector<TokenId>{2, 3}));
  EXPECT_EQ(meta.has_forward_all, GetParam().all_rows);
  EXPECT_EQ(meta.model_key != 0, !GetParam().ring);
  EXPECT_EQ(sequence_->copy_rows(0, 0).status().code(),
            GetParam().ring ? StatusCode::Unsupported : StatusCode::Ok);
}

// Rows go from one conversation to the next, and through files: as if they had been run there.
TEST_P(Stock, ACopiedPrefixIsAsOneThatWasRun) {
  if (GetParam().ring) return;
  feed(0, 21, "source");
  const auto rest = ids(21, recorded_.ids.size());
  const auto copies = [&](size_t from, size_t to) {
    return sequence_->copy_rows(static_cast<uint32_t>(from), static_cast<uint32_t>(to)).value();
  };
  const auto by_rows = runner_->new_sequence().value();
  ASSERT_TRUE(by_rows->append_rows(copies(0, 9).view()).ok());
  ASSERT_TRUE(by_rows->append_rows(copies(9, 21).view()).ok());
  const auto from_other = runner_->new_sequence().value();
  ASSERT_TRUE(from_other->append_from(*sequence_, 21).ok());
  // What runs on another sequence in between does not show.
  const auto noise = runner_->new_sequence().value();
  ASSERT_TRUE(noise->forward(std::vector<TokenId>(30, 99), nullptr).ok());
  const auto wanted = sequence_->forward(rest, nullptr);
  ASSERT_TRUE(wanted.ok());
  const std::vector<float> logits(wanted->begin(), wanted->end());
  for (Sequence* const sequence : {by_rows.get(), from_other.get()}) {
    EXPECT_TRUE(std::ranges::equal(sequence->ids(), ids(0, 21)));
    const auto got = sequence->forward(rest, nullptr);
    ASSERT_TRUE(got.ok()) << got.status().to_string();
    EXPECT_TRUE(std::ranges::equal(*got, logits));
  }
  EXPECT_LE(by_rows->kv_usage().used_bytes, by_rows->kv_usage().committed_bytes);
}

TEST_P(Stock, RowsAreOfThisModelAlone) {
  if (GetParam().ring) return;
  feed(0, 4, "source");
  auto rows = sequence_->copy_rows(0, 4).value();
  rows.model_key += 1;
  EXPECT_EQ(runner_->new_sequence().value()->append_rows(rows.view()).code(),
            StatusCode::InvalidArgument);
  const auto again = TextRunner::load(recorded_model(GetParam().name), {}).value();
  EXPECT_EQ(again->meta().model_key, runner_->meta().model_key);
}

TEST_P(Stock, EachTokenByItselfGivesTheEagerLogits) {
  for (size_t i = 0; i < recorded_.ids.size(); ++i) feed(i, i + 1, "one by one");
}

TEST_P(Stock, APromptAtOnceGivesTheSame) {
  for (const size_t count : {size_t{2}, size_t{15}, recorded_.ids.size()}) {
    ASSERT_TRUE(sequence_->rewind(0).ok());
    feed(0, count, "at once");
  }
}

TEST_P(Stock, TurnsGoOnWhereTheLastOneEnded) {
  for (const auto& [from, to] : {std::pair<size_t, size_t>{0, 9}, {9, 10}, {10, 13}, {13, 28}}) {
    feed(from, to, "turn");
  }
}

TEST_P(Stock, ARewoundSequenceForgets) {
  feed(0, 12, "first");
  std::vector<TokenId> other(8, 77);
  ASSERT_TRUE(sequence_->forward(other, nullptr).ok());
  if (GetParam().ring) {
    EXPECT_EQ(sequence_->rewind(12).code(), StatusCode::InvalidArgument);
    EXPECT_EQ(sequence_->rewind_floor(), 20u);
    ASSERT_TRUE(sequence_->rewind(0).ok());
    feed(0, 12, "again");
  } else {
    ASSERT_TRUE(sequence_->rewind(12).ok());
  }
  feed(12, 20, "after a rewind");
}

TEST_P(Stock, SequencesDoNotSeeEachOther) {
  const auto other = runner_->new_sequence().value();
  feed(0, 6, "one");
  ASSERT_TRUE(other->forward(std::vector<TokenId>(6, 99), nullptr).ok());
  feed(6, 12, "beside another");
}

TEST_P(Stock, AllRowsComeOneByOne) {
  size_t seen = 0;
  const Status status = sequence_->forward_all(
      recorded_.ids, nullptr, [&](size_t index, std::span<const float> logits) -> Status {
        EXPECT_EQ(index, seen++);
        expect_logits(index, logits, "all rows");
        return {};
      });
  if (!GetParam().all_rows) {
    EXPECT_EQ(status.code(), StatusCode::Unsupported);
    return;
  }
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(seen, recorded_.ids.size());
}

TEST_P(Stock, TheEndOfTheContextIsAnErrorThatChangesNothing) {
  std::vector<TokenId> many(64, 5);
  ASSERT_TRUE(sequence_->forward(std::span(many).first(60), nullptr).ok());
  EXPECT_EQ(sequence_->forward(std::span(many).first(5), nullptr).status().code(),
            StatusCode::ContextFull);
  EXPECT_EQ(sequence_->forward(std::vector<TokenId>{256}, nullptr).status().code(),
            StatusCode::InvalidArgument);
  EXPECT_TRUE(sequence_->forward(std::span(many).first(4), nullptr).ok());
  EXPECT_EQ(sequence_->position(), 64u);
}

TEST(StockThreads, AreThePoolsWhileOneModelIsLoaded) {
  const unsigned all = kernels::pool_threads();
  const auto load = [](unsigned threads) {
    RunnerOptions options;
    options.threads = threads;
    return TextRunner::load({.file = *MappedFile::open(recorded_path("llm-xnnpack.pte"))}, options)
        .value();
  };
  {
    const auto one = load(1);
    EXPECT_EQ(kernels::pool_threads(), 1u);
    const auto beside = load(0);
    EXPECT_EQ(kernels::pool_threads(), 1u) << "the first one has a hold of the pool";
    EXPECT_EQ(beside->meta().threads, 1u);
  }
  EXPECT_EQ(load(0)->meta().threads, all);
}

INSTANTIATE_TEST_SUITE_P(
    Fixtures, Stock,
    ::testing::Values(Fixture{"llm-fp32"}, Fixture{"llm-xnnpack"}, Fixture{"llm-8da4w", 0.05},
                      Fixture{"llm-int8-cache", 0.02}, Fixture{"llm-one-token"},
                      Fixture{"llm-plain"}, Fixture{"llm-all-logits", 1e-4, true},
                      Fixture{"llm-bf16", 0.03}, Fixture{"llm-ring", 1e-4, false, true},
                      Fixture{"llm-apart", 0.05}, Fixture{"optimum-fp32", 1e-4, true},
                      Fixture{"optimum-sdpa", 1e-4, true},
                      Fixture{"optimum-fp16-int32", 0.01, true}, Fixture{"optimum-two-methods"}),
    [](const auto& fixture) {
      std::string name = fixture.param.name;
      std::ranges::replace(name, '-', '_');
      return name;
    });

}  // namespace
}  // namespace etb::runner
