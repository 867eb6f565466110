// Small vocabularies of every kind against what Hugging Face tokenizers and sentencepiece made of
// the same texts (tests/references/token/small.txt). The real model's:
// tests/token_reference_test.cpp.
#include <gtest/gtest.h>

#include <map>

#include "token/recorded_cases.h"
#include "token/tokenizer.h"

namespace etb::token {
namespace {

const std::vector<RecordedPeer>& peers() {
  static const auto kPeers =
      read_recorded(std::string(ETB_SOURCE_DIR) + "/tests/references/token/small.txt");
  return kPeers;
}

TEST(Reference, IdsEqualThePeersOnEveryRecordedText) {
  ASSERT_EQ(peers().size(), 7u);
  for (const RecordedPeer& peer : peers()) {
    const auto tokenizer = Tokenizer::create(peer.vocab);
    ASSERT_TRUE(tokenizer.ok()) << peer.name << ": " << tokenizer.status().to_string();
    std::map<std::string, int> counts;
    for (const RecordedCase& recorded : peer.cases) {
      const auto ids = tokenizer->encode(recorded.text, {.parse_special = recorded.special});
      ASSERT_TRUE(ids.ok()) << ids.status().to_string();
      EXPECT_EQ(*ids, recorded.ids)
          << peer.name << " " << recorded.category << ": " << testing::PrintToString(recorded.text);
      ++counts[recorded.category];
    }
    EXPECT_EQ(counts.size(), 22u) << peer.name;
    for (const auto& [category, count] : counts) EXPECT_GE(count, 8) << peer.name << category;
  }
}

// These vocabularies cover every byte, so that nothing is left out. What changes the text by
// intent: Qwen's normalisation, SentencePiece's space mark, the space prefix behind a special
// token.
TEST(Reference, DecodingGivesTheTextBack) {
  size_t compared = 0;
  for (const RecordedPeer& peer : peers()) {
    const auto tokenizer = Tokenizer::create(peer.vocab);
    for (const RecordedCase& recorded : peer.cases) {
      const bool prefix_inside =
          peer.vocab.add_space_prefix && recorded.text.find("\n\n") != std::string::npos;
      if (peer.vocab.pre == "qwen2" || prefix_inside) continue;
      if (recorded.text.find("▁") != std::string::npos) continue;
      if (recorded.special) continue;
      const auto text = tokenizer->decode(recorded.ids);
      ASSERT_TRUE(text.ok());
      EXPECT_EQ(*text, recorded.text) << peer.name;
      ++compared;
    }
  }
  EXPECT_GE(compared, 1000u);
}

}  // namespace
}  // namespace etb::token
