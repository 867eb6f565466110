// One model, one text: the same bits of logits, however the text is fed. Over threads, kernel
// paths, chunks, contexts, cuts of the prompt, all positions or the last, rewinds, and other
// conversations between the steps. Models are small and random; the whole chain is the real one.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "kernels/execution.h"
#include "runner_support/imported_model.h"
#include "support/random_gguf.h"

namespace etb::runner {
namespace {

using layout::GgmlType;
using testing::ImportedModel;

constexpr size_t kText = 150;

struct Case {
  const char* name;
  test::RandomGgufSpec spec;
  std::unique_ptr<ImportedModel> model;
  std::vector<TokenId> text;
  std::vector<std::vector<float>> logits;  // after each of text's ids: the plainest run's
};

test::RandomGgufSpec mixed_spec() {
  test::RandomGgufSpec spec;
  spec.layers = 3;
  spec.width = 96;
  spec.ffn = 160;
  spec.heads = 6;
  spec.kv_heads = 3;
  spec.head_dim = 32;
  spec.own_head = true;
  spec.rope_factors = {"rope_freqs"};
  spec.matrices = GgmlType::Q8_0;
  spec.types = {
      {"attn_v", GgmlType::F16}, {"ffn_down", GgmlType::Q4_0}, {"blk.1.attn_q", GgmlType::F32}};
  spec.seed = 2;
  return spec;
}

std::vector<std::vector<float>> plain_run(const ImportedModel& model,
                                          const std::vector<TokenId>& text) {
  std::vector<std::vector<float>> rows;
  auto runner = model.load(0, 0, {.threads = 1, .kernel_path = "scalar"});
  EXPECT_TRUE(runner.ok()) << runner.status().to_string();
  auto sequence = runner.value()->new_sequence().value();
  for (const TokenId id : text) {
    const TokenId one[] = {id};
    const auto logits = sequence->forward(one, nullptr);
    EXPECT_TRUE(logits.ok()) << logits.status().to_string();
    rows.emplace_back(logits->begin(), logits->end());
  }
  return rows;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> made;
    made.push_back({"q4_1, tied", {}, nullptr, {}, {}});
    made.push_back({"mixed types, own head, rope factors", mixed_spec(), nullptr, {}, {}});
    for (Case& c : made) {
      const auto path = std::filesystem::temp_directory_path() /
                        ("etb_exact_" + std::to_string(std::random_device()()) + ".gguf");
      const std::string bytes = test::random_gguf(c.spec);
      std::ofstream(path, std::ios::binary)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      c.model = std::make_unique<ImportedModel>(path.string());
      std::filesystem::remove(path);
      EXPECT_EQ(c.model->error(), "");
      std::mt19937 random(static_cast<uint32_t>(c.spec.seed));
      for (size_t i = 0; i < kText; ++i)
        c.text.push_back(static_cast<TokenId>(random() % c.spec.vocab));
      c.logits = plain_run(*c.model, c.text);
    }
    return made;
  }();
  return all;
}

::testing::AssertionResult same_bits(std::span<const float> got, const std::vector<float>& wanted) {
  if (got.size() == wanted.size() &&
      std::memcmp(got.data(), wanted.data(), wanted.size() * sizeof(float)) == 0) {
    return ::testing::AssertionSuccess();
  }
  size_t at = 0;
  while (at < got.size() && at < wanted.size() && got[at] == wanted[at]) ++at;
  return ::testing::AssertionFailure() << "logits differ, first at token " << at;
}

// Feeds the text from the sequence's position on, in random cuts of at most `longest` ids, and
// checks the logits after each cut.
void feed_in_cuts(const Case& c, Sequence& sequence, size_t longest, std::mt19937& random) {
  while (sequence.position() < c.text.size()) {
    const size_t left = c.text.size() - sequence.position();
    const size_t count = std::min<size_t>(1 + random() % longest, left);
    const auto cut = std::span(c.text).subspan(sequence.position(), count);
    const auto logits = sequence.forward(cut, nullptr);
    ASSERT_TRUE(logits.ok()) << logits.status().to_string();
    ASSERT_TRUE(same_bits(*logits, c.logits[sequence.position() - 1]))
        << c.name << ", position " << sequence.position() << ", cut of " << count;
  }
}

TEST(RunnerExactness, LogitsAreFiniteAndDiffer) {
  for (const Case& c : cases()) {
    for (const auto& row : c.logits) {
      ASSERT_EQ(row.size(), c.spec.vocab);
      for (const float logit : row) ASSERT_TRUE(std::isfinite(logit));
    }
    EXPECT_NE(c.logits[0], c.logits[1]);
  }
}

TEST(RunnerExactness, OverPathsThreadsChunksContextsAndCuts) {
  for (const Case& c : cases()) {
    std::mt19937 random(4);
    for (const kernels::Path path : kernels::available_paths()) {
      for (const unsigned threads : {1U, 2U}) {
        for (const uint32_t chunk : {1U, 7U, 64U, 256U}) {
          const uint32_t context = chunk == 7 ? 192 : chunk == 64 ? 1024 : 0;
          const std::string name(kernels::path_name(path));
          auto runner = c.model->load(context, chunk, {.threads = threads, .kernel_path = name});
          ASSERT_TRUE(runner.ok()) << runner.status().to_string();
          if (context != 0) {
            EXPECT_EQ(runner.value()->meta().context, context);
          }
          EXPECT_EQ(runner.value()->meta().chunk, chunk);
          auto sequence = runner.value()->new_sequence().value();
          feed_in_cuts(c, *sequence, chunk == 1 ? 40 : 80, random);
          if (HasFatalFailure()) FAIL() << name << ", " << threads << " threads, chunk " << chunk;
        }
      }
    }
  }
}

TEST(RunnerExactness, ForwardAllGivesWhatForwardGives) {
  for (const Case& c : cases()) {
    for (const uint32_t chunk : {1U, 13U, 128U}) {
      auto runner = c.model->load(0, chunk, {});
      ASSERT_TRUE(runner.ok());
      auto sequence = runner.value()->new_sequence().value();
      // A beginning by forward, the middle by forward_all, the end by forward: one KV memory.
      ASSERT_TRUE(sequence->forward(std::span(c.text).first(10), nullptr).ok());
      size_t seen = 0;
      const auto middle = std::span(c.text).subspan(10, 100);
      ASSERT_TRUE(sequence
                      ->forward_all(middle, nullptr,
                                    [&](size_t index, std::span<const float> logits) {
                                      EXPECT_EQ(index, seen++);
                                      EXPECT_TRUE(same_bits(logits, c.logits[10 + index]));
                                      return Status();
                                    })
                      .ok());
      EXPECT_EQ(seen, 100U);
      std::mt19937 random(chunk);
      feed_in_cuts(c, *sequence, 20, random);
    }
  }
}

TEST(RunnerExactness, AfterARewind) {
  for (const Case& c : cases()) {
    auto runner = c.model->load(0, 16, {});
    ASSERT_TRUE(runner.ok());
    auto sequence = runner.value()->new_sequence().value();
    std::mt19937 random(8);
    feed_in_cuts(c, *sequence, 30, random);
    for (int round = 0; round < 12; ++round) {
      // Something else is said from some point on, and taken back.
      const auto back = static_cast<uint32_t>(random() % c.text.size());
      ASSERT_TRUE(sequence->rewind(back).ok());
      std::vector<TokenId> other(1 + random() % 40, static_cast<TokenId>(random() % c.spec.vocab));
      ASSERT_TRUE(sequence->forward(other, nullptr).ok());
      ASSERT_TRUE(sequence->rewind(back).ok());
      feed_in_cuts(c, *sequence, 30, random);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(RunnerExactness, WithOtherConversationsInBetween) {
  const Case& c = cases().front();
  auto runner = c.model->load(0, 16, {});
  ASSERT_TRUE(runner.ok());
  auto first = runner.value()->new_sequence().value();
  auto second = runner.value()->new_sequence().value();
  std::mt19937 random(12);
  while (first->position() < c.text.size()) {
    const size_t count = std::min<size_t>(1 + random() % 20, c.text.size() - first->position());
    const auto logits =
        first->forward(std::span(c.text).subspan(first->position(), count), nullptr);
    ASSERT_TRUE(logits.ok());
    ASSERT_TRUE(same_bits(*logits, c.logits[first->position() - 1]));
    // The second one says the text backwards.
    std::vector<TokenId> other(c.text.rbegin(),
                               c.text.rbegin() + static_cast<std::ptrdiff_t>(count));
    ASSERT_TRUE(second->forward(other, nullptr).ok());
  }
  ASSERT_TRUE(second->rewind(0).ok());
  feed_in_cuts(c, *second, 25, random);
}

TEST(RunnerExactness, UpToTheLastPositionOfTheContext) {
  const Case& c = cases().front();
  auto runner = c.model->load(128, 32, {});
  ASSERT_TRUE(runner.ok());
  auto sequence = runner.value()->new_sequence().value();
  ASSERT_EQ(sequence->capacity(), 128U);
  EXPECT_EQ(sequence->forward(std::span(c.text).first(129), nullptr).status().code(),
            StatusCode::ContextFull);
  EXPECT_EQ(sequence->position(), 0U);
  const auto logits = sequence->forward(std::span(c.text).first(128), nullptr);
  ASSERT_TRUE(logits.ok());
  EXPECT_TRUE(same_bits(*logits, c.logits[127]));
  EXPECT_EQ(sequence->forward(std::span(c.text).subspan(128, 1), nullptr).status().code(),
            StatusCode::ContextFull);
}

}  // namespace
}  // namespace etb::runner
