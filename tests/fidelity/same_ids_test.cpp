// The same tokens on every machine (design: bit-identical logits): an eight-token greedy answer of
// SmolLM2 and the bits of the logits that chose it, recorded on x86, hold on any CPU and kernel
// path, and under an emulator.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "fidelity/references.h"
#include "fidelity/smollm2.h"
#include "runner/candidates.h"

namespace etb::fidelity {
namespace {

constexpr size_t kTokens = 8;

// FNV-1a over the bits.
uint64_t digest(std::span<const float> logits, uint64_t hash) {
  for (const float logit : logits) {
    uint32_t bits = 0;
    std::memcpy(&bits, &logit, sizeof bits);
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ (bits >> shift & 0xFF)) * 0x100000001B3ULL;
    }
  }
  return hash;
}

struct Recorded {
  std::vector<TokenId> prompt, ids;
  uint64_t digest = 0;
};

// tests/references/fidelity/eight_tokens.txt: lines "prompt ids...", "answer ids...", "digest hex".
Recorded read_recorded() {
  Recorded recorded;
  std::ifstream file(reference_folder() + "/eight_tokens.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "digest") words >> std::hex >> recorded.digest;
    for (TokenId id = 0; key == "prompt" && words >> id;) recorded.prompt.push_back(id);
    for (TokenId id = 0; key == "answer" && words >> id;) recorded.ids.push_back(id);
  }
  return recorded;
}

TEST(SameIds, AnEightTokenAnswerIsTheOneRecordedOnX86) {
  const Recorded recorded = read_recorded();
  ASSERT_FALSE(recorded.prompt.empty());
  ASSERT_EQ(recorded.ids.size(), kTokens);
  auto model = load_smollm2();
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  auto sequence = (*model)->runner().new_sequence();
  ASSERT_TRUE(sequence.ok()) << sequence.status().to_string();

  std::vector<TokenId> answer;
  std::vector<TokenId> feed = recorded.prompt;
  uint64_t hash = 0xCBF29CE484222325ULL;
  while (answer.size() < kTokens) {
    auto logits = (*sequence)->forward(feed, nullptr);
    ASSERT_TRUE(logits.ok()) << logits.status().to_string();
    hash = digest(*logits, hash);
    answer.push_back(runner::argmax(*logits));
    feed = {answer.back()};
  }
  std::printf("path %s, answer", (*model)->runner().meta().kernel_path.c_str());
  for (const TokenId id : answer) std::printf(" %" PRIu32, id);
  std::printf(", digest %016" PRIx64 "\n", hash);
  EXPECT_EQ(answer, recorded.ids);
  EXPECT_EQ(hash, recorded.digest) << "the logits' bits differ from those on x86";
}

}  // namespace
}  // namespace etb::fidelity
