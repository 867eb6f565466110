// Every family's graph against an independent float implementation of it
// (tests/references/families): tiny random models, imported and run through the whole chain. With
// float weights the logits must be the reference's; with quantised ones the reference computes on
// the dequantised weights, and what is measured is what quantised activations and half-precision
// keys and values change.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <random>

#include "families/family_models.h"
#include "runner_support/imported_model.h"

namespace etb::test {
namespace {

using layout::GgmlType;
using runner::testing::ImportedModel;

using Rows = std::vector<std::vector<float>>;

template <class T>
T take(std::istream& in) {
  T value{};
  in.read(reinterpret_cast<char*>(&value), sizeof(value));
  return value;
}

// logits.bin: for each case u32 name length, name, u32 positions, u32 vocab, f32 logits.
std::map<std::string, Rows> read_reference() {
  std::map<std::string, Rows> cases;
  std::ifstream in(ETB_SOURCE_DIR "/tests/references/families/logits.bin", std::ios::binary);
  while (in.peek() != std::char_traits<char>::eof()) {
    std::string name(take<uint32_t>(in), '\0');
    in.read(name.data(), static_cast<std::streamsize>(name.size()));
    Rows rows(take<uint32_t>(in));
    const auto vocab = take<uint32_t>(in);
    for (std::vector<float>& row : rows) {
      row.resize(vocab);
      in.read(reinterpret_cast<char*>(row.data()), static_cast<std::streamsize>(vocab * 4));
    }
    cases.emplace(std::move(name), std::move(rows));
  }
  return cases;
}

const Rows& reference(const std::string& name) {
  static const std::map<std::string, Rows> all = read_reference();
  static const Rows none;
  const auto at = all.find(name);
  return at == all.end() ? none : at->second;
}

std::unique_ptr<ImportedModel> imported(const RandomGgufSpec& spec) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("etb_family_" + std::to_string(std::random_device()()) + ".gguf");
  const std::string bytes = random_gguf(spec);
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  auto model = std::make_unique<ImportedModel>(path.string());
  std::filesystem::remove(path);
  return model;
}

struct Way {
  uint32_t chunk;
  runner::RunnerOptions options;
};

// The logits at kFamilyPositions.
Rows run(const ImportedModel& model, const FamilyCase& family, const Way& way) {
  auto runner = model.load(family.context, way.chunk, way.options);
  EXPECT_TRUE(runner.ok()) << runner.status().to_string();
  if (!runner.ok()) return {};
  auto sequence = runner.value()->new_sequence().value();
  std::vector<TokenId> ids;
  for (uint32_t i = 0; i < kFamilyTokens; ++i) ids.push_back(family_token(i, family.spec.vocab));
  Rows rows;
  for (const uint32_t position : kFamilyPositions) {
    const auto from = ids.begin() + sequence->position();
    const std::vector<TokenId> piece(from, ids.begin() + position + 1);
    const auto logits = sequence->forward(piece, nullptr);
    EXPECT_TRUE(logits.ok()) << logits.status().to_string();
    if (logits.ok()) rows.emplace_back(logits->begin(), logits->end());
  }
  return rows;
}

// The largest difference, relative to the row's largest logit.
double worst_error(const std::vector<float>& got, const std::vector<float>& wanted) {
  double error = 0;
  double scale = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    error = std::max(error, std::fabs(static_cast<double>(got[i]) - wanted[i]));
    scale = std::max(scale, std::fabs(static_cast<double>(wanted[i])));
  }
  return error / scale;
}

std::vector<double> log_softmax(const std::vector<float>& logits) {
  const double top = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - top);
  std::vector<double> out;
  for (const float logit : logits) out.push_back(static_cast<double>(logit) - top - std::log(sum));
  return out;
}

// KL(wanted || got).
double divergence(const std::vector<float>& got, const std::vector<float>& wanted) {
  const std::vector<double> p = log_softmax(wanted);
  const std::vector<double> q = log_softmax(got);
  double kl = 0;
  for (size_t i = 0; i < p.size(); ++i) kl += std::exp(p[i]) * (p[i] - q[i]);
  return kl;
}

// The largest mean divergence over the positions, in nats: about twice what was measured.
double divergence_bar(GgmlType type) {
  if (type == GgmlType::Q8_0) return 5e-4;
  return type == GgmlType::Q4_0 ? 1e-4 : 2.5e-4;
}

class Families : public ::testing::TestWithParam<GgmlType> {};

TEST_P(Families, AgreeWithTheIndependentFloatModel) {
  for (const FamilyCase& family : family_cases(GetParam())) {
    const std::string name = case_name(family, GetParam());
    const Rows& wanted = reference(name);
    ASSERT_EQ(wanted.size(), std::size(kFamilyPositions)) << name << " was not recorded";
    const auto model = imported(family.spec);
    ASSERT_EQ(model->error(), "") << name;
    const Rows got = run(*model, family, {64, {.threads = 2, .kernel_path = ""}});
    ASSERT_EQ(got.size(), wanted.size()) << name;
    double error = 0;
    double kl = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].size(), wanted[i].size()) << name;
      error = std::max(error, worst_error(got[i], wanted[i]));
      kl += divergence(got[i], wanted[i]) / static_cast<double>(got.size());
    }
    std::printf("  %-16s worst error %.2e, mean divergence %.2e\n", name.c_str(), error, kl);
    if (GetParam() == GgmlType::F32) {
      EXPECT_LE(error, 1e-3) << name;
    } else {
      EXPECT_LE(kl, divergence_bar(GetParam())) << name;
    }
  }
}

// Paths, threads and cuts change no bit, whatever the family's graph has.
TEST(FamilyBits, PathsThreadsAndChunksGiveTheSame) {
  for (const FamilyCase& family : family_cases(GgmlType::Q4_0)) {
    const auto model = imported(family.spec);
    const Rows oracle = run(*model, family, {128, {.threads = 1, .kernel_path = "scalar"}});
    const Rows fast = run(*model, family, {7, {.threads = 2, .kernel_path = ""}});
    ASSERT_EQ(oracle.size(), fast.size()) << family.name;
    for (size_t i = 0; i < oracle.size(); ++i) {
      EXPECT_EQ(std::memcmp(oracle[i].data(), fast[i].data(), oracle[i].size() * 4), 0)
          << family.name << " at position " << kFamilyPositions[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, Families, ::testing::ValuesIn(kFamilyWeights),
                         [](const auto& param) {
                           return std::string(layout::block_info(param.param).name);
                         });

}  // namespace
}  // namespace etb::test
