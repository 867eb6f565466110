// The measuring instruments of the fidelity test, on cases small enough to count by hand: a test of
// fidelity is worth only as much as its ability to fail.
#include "fidelity/metrics.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace etb::fidelity {
namespace {

float log_of(double p) {
  return static_cast<float>(std::log(p));
}

// Probabilities 1/2, 1/4 for tokens 3 and 1; 1/4 is left for all others.
Position half_and_quarter() {
  return {.ids = {3, 1}, .logprobs = {log_of(0.5), log_of(0.25)}, .rest = log_of(0.25)};
}

TEST(KlTop, IsZeroForTheReferenceItself) {
  const std::array<float, 4> logits = {log_of(0.125), log_of(0.25), log_of(0.125), log_of(0.5)};
  EXPECT_NEAR(kl_top(half_and_quarter(), logits), 0.0, 1e-6);
}

TEST(KlTop, DoesNotCareAboutAConstantAddedToAllLogits) {
  const std::array<float, 4> logits = {log_of(0.125) + 7, log_of(0.25) + 7, log_of(0.125) + 7,
                                       log_of(0.5) + 7};
  EXPECT_NEAR(kl_top(half_and_quarter(), logits), 0.0, 1e-6);
}

TEST(KlTop, MatchesAHandCount) {
  // Tested: uniform over four tokens. Buckets: 1/4, 1/4, 2/4 against 1/2, 1/4, 1/4.
  const std::array<float, 4> uniform = {0, 0, 0, 0};
  const double expected = 0.5 * std::log(2.0) + 0.25 * std::log(1.0) + 0.25 * std::log(0.5);
  EXPECT_NEAR(kl_top(half_and_quarter(), uniform), expected, 1e-6);
}

TEST(Agreement, CountsByHowSureTheReferenceIs) {
  const std::array<float, 4> three = {0, 0, 0, 5};
  const std::array<float, 4> zero = {5, 0, 0, 0};
  Position unsure = half_and_quarter();
  unsure.logprobs[1] = unsure.logprobs[0] - 0.2F;
  Position clear = half_and_quarter();
  clear.logprobs[1] = clear.logprobs[0] - 0.4F;
  Agreement agreement;
  agreement.add(half_and_quarter(), three, "a");
  agreement.add(unsure, zero, "b");
  agreement.add(clear, zero, "c");
  EXPECT_EQ(agreement.positions, 3U);
  EXPECT_EQ(agreement.agreed, 1U);
  EXPECT_EQ(agreement.sure, 1U);
  EXPECT_EQ(agreement.sure_agreed, 1U);
  EXPECT_EQ(agreement.clear, 2U);
  EXPECT_EQ(agreement.clear_agreed, 1U);
  EXPECT_EQ(agreement.first_fault, "") << "b and c are too close to be faults";
}

TEST(Agreement, NamesTheFirstFault) {
  const std::array<float, 4> zero = {5, 0, 0, 0};
  Agreement agreement;
  agreement.add(half_and_quarter(), zero, "story, token 7");
  agreement.add(half_and_quarter(), zero, "later");
  EXPECT_EQ(agreement.sure_agreed, 0U);
  EXPECT_TRUE(agreement.first_fault.starts_with("story, token 7: 0 instead of 3"))
      << agreement.first_fault;
}

// Two positions of two tokens.
std::string positions_file() {
  std::string bytes = "ETBTOP1\n";
  const auto put = [&](auto value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  put(uint32_t{2});
  put(uint32_t{2});
  for (int i = 0; i < 2; ++i) {
    put(uint32_t{3});
    put(uint32_t{1});
    put(log_of(0.5));
    put(log_of(0.25));
    put(log_of(0.25));
  }
  return bytes;
}

TEST(References, ReadPositionsAsTheyWereWritten) {
  const auto positions = parse_positions(positions_file());
  ASSERT_TRUE(positions.ok()) << positions.status().to_string();
  ASSERT_EQ(positions->size(), 2U);
  EXPECT_EQ(positions->at(1).ids, (std::vector<TokenId>{3, 1}));
  EXPECT_FLOAT_EQ(positions->at(1).gap(), log_of(0.5) - log_of(0.25));
  EXPECT_FLOAT_EQ(positions->at(1).rest, log_of(0.25));
}

TEST(References, EveryTruncationIsCorrupt) {
  const std::string whole = positions_file();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto positions = parse_positions(whole.substr(0, size));
    ASSERT_FALSE(positions.ok()) << size;
    EXPECT_EQ(positions.status().code(), StatusCode::Corrupt);
  }
}

class ReferenceFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / "etb_reference_folder";
    std::filesystem::create_directories(folder_);
    write("float_top.bin", positions_file());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  Result<std::vector<Answer>> read() { return read_answers(folder_.string(), Reference::Float); }

  std::filesystem::path folder_;
};

TEST_F(ReferenceFolder, AnswersAndPositionsAreJoinedInOrder) {
  write("answers.txt",
        "# note\nname a\nprompt 5 6\nfloat 3\nllama 9 9\nname b\nprompt 7\nfloat 1\nllama 2\n");
  const auto answers = read();
  ASSERT_TRUE(answers.ok()) << answers.status().to_string();
  ASSERT_EQ(answers->size(), 2U);
  EXPECT_EQ(answers->at(0).prompt, (std::vector<TokenId>{5, 6}));
  EXPECT_EQ(answers->at(1).ids, (std::vector<TokenId>{1}));
  EXPECT_EQ(answers->at(1).positions.size(), 1U);
}

TEST_F(ReferenceFolder, FilesThatDoNotFitEachOtherAreCorrupt) {
  write("answers.txt", "name a\nprompt 5\nfloat 3\nllama 9\n");  // one position too few
  EXPECT_EQ(read().status().code(), StatusCode::Corrupt);
  write("answers.txt", "name a\nprompt 5\nfloat 3 3 3\nllama 9\n");  // one too many
  EXPECT_EQ(read().status().code(), StatusCode::Corrupt);
  write("answers.txt", "name a\nprompt 5\nllama 3 3\nfloat 9\n");  // lines exchanged
  EXPECT_EQ(read().status().code(), StatusCode::Corrupt);
}

TEST_F(ReferenceFolder, AMissingFileIsNamed) {
  const auto answers = read();
  EXPECT_EQ(answers.status().code(), StatusCode::NotFound);
  EXPECT_NE(answers.status().message().find("answers.txt"), std::string::npos);
}

TEST_F(ReferenceFolder, FiguresAndIdsAreRead) {
  write("figures.txt", "# versions\nfloat_perplexity 12.5\ncontext 512\n");
  write("ids.txt", "1 22\n333\n");
  const auto figures = read_figures(folder_.string());
  ASSERT_TRUE(figures.ok());
  EXPECT_DOUBLE_EQ(figures->at("float_perplexity"), 12.5);
  const auto ids = read_ids((folder_ / "ids.txt").string());
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(*ids, (std::vector<TokenId>{1, 22, 333}));
  write("ids.txt", "1 two 3\n");
  EXPECT_EQ(read_ids((folder_ / "ids.txt").string()).status().code(), StatusCode::Corrupt);
}

}  // namespace
}  // namespace etb::fidelity
