// SmolLM2 in our runtime against two independent references recorded from the same GGUF: a float
// model on the dequantised weights, and llama.cpp. The figures are printed; the thresholds are the
// contract.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "engine/perplexity.h"
#include "fidelity/metrics.h"
#include "fidelity/references.h"
#include "fidelity/smollm2.h"
#include "runner/candidates.h"

namespace etb::fidelity {
namespace {

constexpr size_t kLeastPositions = 700;  // where the reference is clear
constexpr size_t kLeastKlPositions = 400;
constexpr double kClearShare = 0.99;  // of the positions at a gap >= 0.3
constexpr double kPerplexityDrift = 0.006;
constexpr double kKlRatio = 1.1;  // of llama.cpp's own divergence

class Smollm2Fidelity : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto loaded = load_smollm2();
    ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
    model_ = std::move(loaded).value().release();
  }
  static void TearDownTestSuite() {
    delete model_;
    model_ = nullptr;
  }

  void SetUp() override {
    ASSERT_NE(model_, nullptr);
    auto figures = read_figures(reference_folder());
    ASSERT_TRUE(figures.ok()) << figures.status().to_string();
    figures_ = std::move(figures).value();
    auto sequence = model().runner().new_sequence();
    ASSERT_TRUE(sequence.ok()) << sequence.status().to_string();
    sequence_ = std::move(sequence).value();
  }

  static LoadedModel& model() { return *model_; }

  // Feeds prompt and reference answer as they stand and compares what we think before each token.
  Status force(const Answer& answer, Agreement& agreement) {
    ETB_RETURN_IF_ERROR(sequence_->rewind(0));
    std::vector<TokenId> ids = answer.prompt;
    ids.insert(ids.end(), answer.ids.begin(), answer.ids.end() - 1);
    const size_t first = answer.prompt.size() - 1;
    return sequence_->forward_all(ids, nullptr, [&](size_t at, std::span<const float> logits) {
      if (at < first) return Status();
      const size_t token = at - first;
      agreement.add(answer.positions[token], logits, concat(answer.name, ", token ", token));
      return Status();
    });
  }

  // Our own greedy answer up to the reference's length. The first token that differs ends it:
  // beyond it the two read different texts.
  Result<size_t> first_mismatch(const Answer& answer) {
    ETB_RETURN_IF_ERROR(sequence_->rewind(0));
    std::vector<TokenId> feed = answer.prompt;
    for (size_t token = 0; token < answer.ids.size(); ++token) {
      ETB_ASSIGN_OR_RETURN(const auto logits, sequence_->forward(feed, nullptr));
      const TokenId id = runner::argmax(logits);
      if (id != answer.ids[token]) return token;
      feed = {id};
    }
    return answer.ids.size();
  }

  void teacher_forced(Reference reference, const char* name);
  void free_running(Reference reference, const char* name);

  std::map<std::string, double> figures_;
  std::unique_ptr<runner::Sequence> sequence_;

 private:
  static LoadedModel* model_;
};

LoadedModel* Smollm2Fidelity::model_ = nullptr;

void Smollm2Fidelity::teacher_forced(Reference reference, const char* name) {
  const auto answers = read_answers(reference_folder(), reference);
  ASSERT_TRUE(answers.ok()) << answers.status().to_string();
  ASSERT_EQ(answers->size(), 24U);
  Agreement agreement;
  for (const Answer& answer : *answers) {
    const Status status = force(answer, agreement);
    ASSERT_TRUE(status.ok()) << answer.name << ": " << status.to_string();
  }
  std::printf("teacher-forced on %s: %s\n", name, agreement.summary().c_str());
  EXPECT_EQ(agreement.sure_agreed, agreement.sure) << agreement.first_fault;
  EXPECT_GE(static_cast<double>(agreement.clear_agreed),
            kClearShare * static_cast<double>(agreement.clear));
  EXPECT_GE(agreement.clear, kLeastPositions);
}

void Smollm2Fidelity::free_running(Reference reference, const char* name) {
  const auto answers = read_answers(reference_folder(), reference);
  ASSERT_TRUE(answers.ok()) << answers.status().to_string();
  size_t whole = 0;
  size_t tokens = 0;
  for (const Answer& answer : *answers) {
    const auto mismatch = first_mismatch(answer);
    ASSERT_TRUE(mismatch.ok()) << answer.name << ": " << mismatch.status().to_string();
    tokens += *mismatch;
    if (*mismatch == answer.ids.size()) {
      ++whole;
      continue;
    }
    const float gap = answer.positions[*mismatch].gap();
    std::printf("free run against %s: %s parts at token %zu, gap %.3f\n", name, answer.name.c_str(),
                *mismatch, static_cast<double>(gap));
    EXPECT_LT(gap, Agreement::kSure) << answer.name << ", token " << *mismatch;
  }
  std::printf("free run against %s: %zu of %zu answers whole, %zu tokens before the partings\n",
              name, whole, answers->size(), tokens);
}

TEST_F(Smollm2Fidelity, TeacherForcedOnTheFloatModel) {
  teacher_forced(Reference::Float, "the float model");
}

TEST_F(Smollm2Fidelity, TeacherForcedOnLlamaCpp) {
  teacher_forced(Reference::Llama, "llama.cpp");
}

TEST_F(Smollm2Fidelity, FreeRunningAgainstTheFloatModel) {
  free_running(Reference::Float, "the float model");
}

TEST_F(Smollm2Fidelity, FreeRunningAgainstLlamaCpp) {
  free_running(Reference::Llama, "llama.cpp");
}

TEST_F(Smollm2Fidelity, PerplexityOfAnEnglishText) {
  const auto ids = read_ids(reference_folder() + "/text_ids.txt");
  ASSERT_TRUE(ids.ok()) << ids.status().to_string();
  ASSERT_GE(ids->size(), 6000U);
  ASSERT_EQ(static_cast<double>(ids->size()), figures_.at("text_tokens"));
  const auto report = perplexity(model(), *ids, static_cast<size_t>(figures_.at("context")), {});
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  const double reference = figures_.at("float_perplexity");
  const double drift = report->perplexity / reference - 1;
  std::printf(
      "perplexity: ours %.4f (%+.3f %%), float %.4f, llama.cpp %.4f; %zu tokens in %zu chunks\n",
      report->perplexity, 100 * drift, reference, figures_.at("llama_perplexity"), report->tokens,
      report->chunks);
  EXPECT_EQ(static_cast<double>(report->tokens), figures_.at("scored_tokens"));
  EXPECT_LE(std::abs(drift), kPerplexityDrift);
}

// Like with like: the float model's 64 likeliest tokens and one bucket for all others, at the
// scored positions of the text's first windows, for us as for llama.cpp.
TEST_F(Smollm2Fidelity, DivergenceFromTheFloatModelIsThatOfLlamaCpp) {
  const auto ids = read_ids(reference_folder() + "/text_ids.txt");
  const auto reference = read_positions(reference_folder() + "/text_top.bin");
  ASSERT_TRUE(ids.ok() && reference.ok());
  const auto window = static_cast<size_t>(figures_.at("context"));
  const auto windows = static_cast<size_t>(figures_.at("kl_windows"));
  const size_t first = window / 2;
  const size_t scored = window - 1 - first;
  ASSERT_EQ(reference->size(), windows * scored);
  ASSERT_GE(ids->size(), windows * window);
  Agreement agreement;
  for (size_t number = 0; number < windows; ++number) {
    ASSERT_TRUE(sequence_->rewind(0).ok());
    const std::span<const TokenId> part = std::span(*ids).subspan(number * window, window - 1);
    const Status status =
        sequence_->forward_all(part, nullptr, [&](size_t at, std::span<const float> logits) {
          if (at < first) return Status();
          agreement.add((*reference)[number * scored + at - first], logits,
                        concat("position ", at));
          return Status();
        });
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  const double llama_kl = figures_.at("llama_kl_top");
  std::printf("text: %s\n", agreement.summary().c_str());
  std::printf(
      "mean KL to the float model: ours %.6f, llama.cpp's %.6f, ratio %.3f, %zu positions\n",
      agreement.mean_kl(), llama_kl, agreement.mean_kl() / llama_kl, agreement.positions);
  EXPECT_GE(agreement.positions, kLeastKlPositions);
  EXPECT_LE(agreement.mean_kl(), kKlRatio * llama_kl);
}

TEST_F(Smollm2Fidelity, OurTokenizerMakesTheRecordedIdsOfTheText) {
  const auto ids = read_ids(reference_folder() + "/text_ids.txt");
  ASSERT_TRUE(ids.ok()) << ids.status().to_string();
  std::ifstream file(reference_folder() + "/text.txt", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const auto encoded = model().tokenizer().encode(text.str());
  ASSERT_TRUE(encoded.ok()) << encoded.status().to_string();
  EXPECT_EQ(*encoded, *ids);
}

}  // namespace
}  // namespace etb::fidelity
