// The real model's tokenizer, read from its GGUF, against Hugging Face tokenizers on recorded
// strings (tests/references/token/record_tokens.py made them), and every vocabulary entry.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "base/clock.h"
#include "import/gguf_model.h"
#include "import/vocab_import.h"
#include "token/recorded_cases.h"
#include "token/tokenizer.h"
#include "token/utf8.h"

namespace etb::token {
namespace {

using Ids = std::vector<TokenId>;

class TokenReference : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto model = import::GgufModel::open(ETB_TEST_MODEL);
    ASSERT_TRUE(model.ok()) << model.status().to_string()
                            << "\nThe test model is missing or broken: run scripts/setup.sh";
    const auto data = import::read_vocab(model->metadata());
    ASSERT_TRUE(data.ok()) << data.status().to_string();
    auto bytes = family::serialize_vocab(*data);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    bytes_ = new std::vector<uint8_t>(std::move(*bytes));
    auto tokenizer = Tokenizer::create(*bytes_);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
    tokenizer_ = new Tokenizer(std::move(*tokenizer));
  }
  static void TearDownTestSuite() {
    delete tokenizer_;
    delete bytes_;
  }
  void SetUp() override { ASSERT_NE(tokenizer_, nullptr); }

  static inline std::vector<uint8_t>* bytes_ = nullptr;
  static inline Tokenizer* tokenizer_ = nullptr;
};

TEST_F(TokenReference, IdsEqualHuggingFacesOnEveryString) {
  const auto peers =
      read_recorded(std::string(ETB_SOURCE_DIR) + "/tests/references/token/smollm2.txt");
  ASSERT_EQ(peers.size(), 1u) << "tests/references/token/smollm2.txt is missing";
  std::map<std::string, std::pair<int, int>> counts;  // equal, all
  for (const RecordedCase& recorded : peers[0].cases) {
    const auto ids = tokenizer_->encode(recorded.text, {.parse_special = recorded.special});
    ASSERT_TRUE(ids.ok()) << ids.status().to_string();
    EXPECT_EQ(*ids, recorded.ids) << recorded.category << " "
                                  << testing::PrintToString(recorded.text);
    auto& count = counts[recorded.category];
    count.first += *ids == recorded.ids ? 1 : 0;
    ++count.second;
  }
  int all = 0;
  for (const auto& [category, count] : counts) {
    std::cout << "  " << category << " " << count.first << "/" << count.second << "\n";
    EXPECT_GE(count.second, 60) << category;
    all += count.second;
  }
  std::cout << "  " << all << " strings in " << counts.size() << " categories\n";
  EXPECT_GE(all, 1000);
  EXPECT_EQ(counts.size(), 22u);
}

// Goldens that others published for this vocabulary.
TEST_F(TokenReference, PublishedGoldens) {
  EXPECT_EQ(*tokenizer_->encode("Hello, we can use"), (Ids{19556, 28, 392, 416, 722}));
  EXPECT_EQ(*tokenizer_->encode("The capital of France is"), (Ids{504, 3575, 282, 4649, 314}));
  EXPECT_EQ(*tokenizer_->encode("Hello world! 123"), (Ids{19556, 905, 17, 216, 33, 34, 35}));
  EXPECT_EQ(*tokenizer_->encode("Café déjà vu."),
            (Ids{51, 1939, 2756, 32564, 90, 16739, 386, 101, 30}));
  EXPECT_EQ(*tokenizer_->encode("  multiple   spaces"), (Ids{216, 2701, 256, 5600}));
  EXPECT_EQ(*tokenizer_->encode(std::string("a\x04") + "b"), (Ids{81, 82}));
}

// A whole chat, as one text and in parts: the user's text between the template's.
TEST_F(TokenReference, AChatInPartsGivesTheIdsOfTheWhole) {
  const Ids golden = {1,    9690, 198,  6077, 5453, 30,   2,   198,   1,   4093, 198, 21041,
                      216,  2,    198,  1,    520,  9531, 198, 19556, 17,  2,    198, 1,
                      4093, 198,  3528, 1209, 47,   2,    198, 1,     520, 9531, 198};
  const TextPart parts[] = {{"<|im_start|>system\n", true},
                            {"Be brief."},
                            {"<|im_end|>\n<|im_start|>user\n", true},
                            {" Hi "},
                            {"<|im_end|>\n<|im_start|>assistant\n", true},
                            {"Hello!"},
                            {"<|im_end|>\n<|im_start|>user\n", true},
                            {"And now?"},
                            {"<|im_end|>\n<|im_start|>assistant\n", true}};
  std::string whole;
  for (const TextPart& part : parts) whole += part.text;
  EXPECT_EQ(*tokenizer_->encode(whole, {.parse_special = true}), golden);
  EXPECT_EQ(*tokenizer_->encode(parts), golden);
}

TEST_F(TokenReference, EveryEntryGoesThereAndBack) {
  uint32_t same_id = 0, control = 0, text = 0;
  ASSERT_EQ(tokenizer_->vocab_size(), 49152u);
  for (TokenId id = 0; id < tokenizer_->vocab_size(); ++id) {
    const std::string piece(*tokenizer_->piece(id, {.special = true}));
    ASSERT_FALSE(piece.empty()) << id;
    ASSERT_EQ(*tokenizer_->decode(Ids{id}, {.special = true}), piece);
    if (first_invalid_utf8(piece) != piece.size()) continue;  // a part of a character
    const Ids ids = *tokenizer_->encode(piece, {.parse_special = true});
    ASSERT_EQ(*tokenizer_->decode(ids, {.special = true}), piece) << id;
    ++text;
    same_id += ids == Ids{id} ? 1 : 0;
    if (!tokenizer_->is_control(id)) continue;
    ++control;
    EXPECT_EQ(ids, Ids{id}) << piece;
    EXPECT_EQ(tokenizer_->find_special(piece), id);
    EXPECT_TRUE(tokenizer_->piece(id)->empty());
    EXPECT_EQ(*tokenizer_->decode(*tokenizer_->encode(piece)), piece) << "as plain text";
  }
  std::cout << "  " << text << " entries are whole characters, " << same_id
            << " of them their own only token, " << control << " control tokens\n";
  EXPECT_EQ(control, 17u);
  EXPECT_GT(same_id, 48000u);
}

TEST_F(TokenReference, OpensFast) {
  double best_ms = 1e9;
  for (int i = 0; i < 20; ++i) {
    const int64_t start = Clock::system().now_ns();
    const auto tokenizer = Tokenizer::create(*bytes_, nullptr);
    best_ms = std::min(best_ms, elapsed_ms(start, Clock::system().now_ns()));
    ASSERT_TRUE(tokenizer.ok());
  }
  std::cout << "  " << bytes_->size() << " stored bytes, open in " << best_ms << " ms\n";
#if defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
  EXPECT_LE(best_ms, 5.0);
#endif
}

}  // namespace
}  // namespace etb::token
