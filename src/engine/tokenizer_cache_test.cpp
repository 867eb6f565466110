// What is kept of a published tokenizer stands for its files, or is made again: whatever happens to
// it or to them, the ids are those of the files.
#include "engine/tokenizer_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "model/cache_files.h"
#include "model/sealed_file.h"
#include "platform/files.h"
#include "platform/test_folder.h"
#include "token/recorded_cases.h"
#include "token/tokenizer_file.h"

namespace etb {
namespace {

using Bytes = std::span<const uint8_t>;
using Ids = std::vector<TokenId>;

const std::string kReferences = std::string(ETB_SOURCE_DIR) + "/tests/references/token/";

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

bool is_mapped(std::string_view what) {
  const auto maps = read_text_file("/proc/self/maps", 64 << 20);
  return maps.ok() && maps->find(what) != std::string::npos;
}

// Ordinary text, text that tokenizers treat apart, special tokens of several vocabularies.
constexpr std::string_view kTexts[] = {
    "",
    " Hello  world, it's 1234.5 o'clock",
    "\n\n\t  x \r\n",
    "Caf\u00e9 d\u00e9j\u00e0 \u6f22\u5b57 \U0001F600 \u2581 \u0130\u00df",
    "<|im_start|>user\nHi<|im_end|> <s>a</s> <unk><pad> <bos>b<eos>",
    "<|begin_of_text|>a <|eot_id|>  <mask> [MASK] word"};

class TokenizerCache : public ::testing::Test {
 protected:
  TokenizerCache() { copy("smollm.json"); }

  void copy(const std::string& name) const {
    folder_.write("model/tokenizer.json", read_file(kReferences + "files/" + name));
  }
  void write_side_files() const {
    folder_.write("model/tokenizer_config.json",
                  std::string_view(R"({"bos_token":"<|endoftext|>","eos_token":"<|im_end|>",)"
                                   R"("add_bos_token":true,"chat_template":"one"})"));
    folder_.write("model/generation_config.json", std::string_view(R"({"eos_token_id":[0,1]})"));
  }
  PublishedTokenizer open(const std::string& path) const {
    auto opened = open_published_tokenizer(path, cache_);
    EXPECT_TRUE(opened.ok()) << opened.status().to_string();
    return opened.ok() ? std::move(opened).value() : PublishedTokenizer{.path = path};
  }
  PublishedTokenizer open() const { return open(folder_.path("model")); }
  std::vector<FolderEntry> kept() const {
    const auto files = list_files(cache_);
    return files.ok() ? *files : std::vector<FolderEntry>();
  }
  std::string kept_name() const { return "cache/" + kept().at(0).name; }

  // Of all texts, as text and with special tokens.
  static std::vector<Ids> ids_of(const PublishedTokenizer& opened) {
    std::vector<Ids> all;
    for (const std::string_view text : kTexts) {
      for (const bool special : {false, true}) {
        all.push_back(*opened.tokenizer->encode(
            text, {.parse_special = special, .add_bos = opened.tokenizer->wants_bos()}));
      }
    }
    return all;
  }
  std::vector<Ids> ids_of_files() const {
    const auto opened = open_published_tokenizer(folder_.path("model"), "");
    EXPECT_TRUE(opened.ok());
    return ids_of(*opened);
  }

  TestFolder folder_;
  std::string cache_ = folder_.path("cache");
};

TEST_F(TokenizerCache, EveryKindOfFileGivesTheSameIdsWhenItIsKept) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kReferences + "files")) {
    const std::string path = entry.path().string();
    SCOPED_TRACE(path);
    const auto direct = token::Tokenizer::create(token::open_tokenizer(path)->vocab);
    const PublishedTokenizer wanted{.path = path,
                                    .tokenizer = std::make_shared<const token::Tokenizer>(*direct)};
    cache_ = folder_.path("cache" + std::to_string(++files));
    const auto first = ids_of(open(path));
    ASSERT_EQ(kept().size(), 1u);
    EXPECT_FALSE(is_mapped(kept()[0].name));
    const PublishedTokenizer second = open(path);
    EXPECT_TRUE(is_mapped(kept()[0].name)) << "nothing was parsed";
    EXPECT_EQ(first, ids_of(wanted));
    EXPECT_EQ(ids_of(second), ids_of(wanted));
    for (TokenId id = 0; id < direct->vocab_size(); ++id) {
      ASSERT_EQ(*second.tokenizer->piece(id, {.special = true}),
                *direct->piece(id, {.special = true}));
      ASSERT_EQ(second.tokenizer->is_control(id), direct->is_control(id));
    }
  }
  EXPECT_EQ(files, 15u);
}

TEST_F(TokenizerCache, TheRecordedIdsComeOutOfIt) {
  copy("phi4mini.json");
  open();
  const PublishedTokenizer second = open();
  EXPECT_TRUE(is_mapped(kept().at(0).name));
  std::ifstream in(kReferences + "files.txt", std::ios::binary);
  bool ours = false;
  size_t compared = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("file\t")) ours = line == "file\tphi4mini.json";
    if (!ours || !line.starts_with("case\t")) continue;
    token::RecordedPeer peer;
    token::read_recorded_line(line, peer);
    const token::RecordedCase& recorded = peer.cases.at(0);
    EXPECT_EQ(*second.tokenizer->encode(recorded.text, {.parse_special = recorded.special}),
              recorded.ids);
    ++compared;
  }
  EXPECT_GE(compared, 40u);
}

TEST_F(TokenizerCache, WhatTheFilesBesideSayIsKeptToo) {
  write_side_files();
  open();
  const PublishedTokenizer second = open();
  EXPECT_TRUE(is_mapped(kept().at(0).name));
  EXPECT_EQ(second.path, folder_.path("model/tokenizer.json"));
  EXPECT_EQ(second.chat_template, "one");
  EXPECT_EQ(second.eos_ids, (Ids{0, 1}));
  EXPECT_EQ(second.tokenizer->ids().bos, second.tokenizer->find_special("<|endoftext|>"));
  EXPECT_EQ(second.tokenizer->ids().eos, 1u);
  EXPECT_TRUE(second.tokenizer->wants_bos());
  EXPECT_EQ(ids_of(second), ids_of_files());
}

TEST_F(TokenizerCache, IsCalledLikeTheModelsFolder) {
  open();
  EXPECT_TRUE(kept().at(0).name.starts_with("model.")) << kept()[0].name;
  EXPECT_TRUE(model::is_of_kind(kept()[0].name, model::kOpenedTokenizer));
  EXPECT_TRUE(model::is_current_cache_name(kept()[0].name));
}

// Under the same names: each is read, none of what was kept of another.
TEST_F(TokenizerCache, AChangedFileIsAnotherTokenizer) {
  size_t files = 0;
  const auto is_new = [&] {
    const PublishedTokenizer opened = open();
    EXPECT_EQ(kept().size(), ++files);
    return opened;
  };
  EXPECT_TRUE(is_new().chat_template.empty());
  write_side_files();
  EXPECT_EQ(is_new().chat_template, "one");
  folder_.write("model/chat_template.json", std::string_view(R"({"chat_template":"two"})"));
  EXPECT_EQ(is_new().chat_template, "two");
  folder_.write("model/chat_template.jinja", std::string_view("three"));
  EXPECT_EQ(is_new().chat_template, "three");
  folder_.write("model/generation_config.json", std::string_view(R"({"eos_token_id":[2]})"));
  EXPECT_EQ(is_new().eos_ids, (Ids{1, 2}));
  folder_.write("model/tokenizer_config.json", std::string_view("{}"));
  EXPECT_FALSE(is_new().tokenizer->wants_bos());
  std::filesystem::remove(folder_.path("model/generation_config.json"));
  is_new();

  // Of the same length, and its time put back.
  const std::string main = folder_.path("model/tokenizer.json");
  const auto time = std::filesystem::last_write_time(main);
  std::string text = read_file(main);
  const size_t at = text.find("<|im_end|>");
  ASSERT_NE(at, std::string::npos);
  for (size_t i = at; i != std::string::npos; i = text.find("<|im_end|>", i)) {
    text.replace(i, 10, "<|im_END|>");
  }
  folder_.write("model/tokenizer.json", text);
  std::filesystem::last_write_time(main, time);
  EXPECT_EQ(is_new().tokenizer->find_special("<|im_end|>"), kNoToken);
  copy("gemma.json");
  EXPECT_EQ(ids_of(is_new()), ids_of_files());
}

TEST_F(TokenizerCache, DamageIsFoundAndRepaired) {
  write_side_files();
  const std::vector<Ids> wanted = ids_of(open());
  const std::string name = kept_name(), good = folder_.read(name);
  std::vector<std::string> bad = {"",
                                  "x",
                                  std::string(good.size(), '\0'),
                                  good + good,
                                  good.substr(1),
                                  read_file(kReferences + "files/bpe.model")};
  const size_t step = good.size() / 50 + 1;
  for (size_t i = 0; i < good.size(); i += step) {
    bad.push_back(good);
    bad.back()[i] = static_cast<char>(good[i] ^ 1);
    bad.push_back(good.substr(0, i));
  }
  for (const std::string& bytes : bad) {
    folder_.write(name, bytes);
    const PublishedTokenizer opened = open();
    EXPECT_FALSE(is_mapped(name));
    ASSERT_EQ(ids_of(opened), wanted);
    ASSERT_EQ(opened.eos_ids, (Ids{0, 1}));
    ASSERT_EQ(folder_.read(name), good);
  }
}

// A seal is no proof: whoever can write the folder can make one.
TEST_F(TokenizerCache, WhatIsSealedIsCheckedAllTheSame) {
  write_side_files();
  const std::vector<Ids> wanted = ids_of(open());
  const std::string name = kept_name(), good = folder_.read(name);
  const std::string content = good.substr(0, good.size() - 24);
  model::Seal seal{.magic = "ETBTOKN1"};
  std::memcpy(&seal.key, good.data() + good.size() - 16, sizeof seal.key);
  const auto with = [&](size_t at, uint32_t number) {
    std::string changed = content;
    std::memcpy(changed.data() + at, &number, sizeof number);
    return changed;
  };
  const size_t vocab = 8 + 2 * 4 + 3;  // behind two ids and "one"
  for (const std::string& forged :
       {std::string(), content.substr(0, 7), with(0, 0xFFFF'FFFF), with(4, 0xFFFF'FFFF), with(0, 3),
        with(4, 4), with(8, 1'000'000), with(vocab, 7), with(vocab + 8, 2), with(vocab + 20, 1),
        content.substr(0, content.size() - 1), content + "x"}) {
    const Bytes parts[] = {{reinterpret_cast<const uint8_t*>(forged.data()), forged.size()}};
    ASSERT_TRUE(model::keep_sealed(cache_, kept()[0].name, seal, {parts}).ok());
    ASSERT_NE(folder_.read(name), good);
    ASSERT_EQ(ids_of(open()), wanted);
    ASSERT_EQ(folder_.read(name), good);
  }
}

TEST_F(TokenizerCache, WithoutAFolderOrAWritableOneTheFilesAreRead) {
  const std::vector<Ids> wanted = ids_of_files();
  EXPECT_FALSE(std::filesystem::exists(cache_)) << "no folder, nothing is kept";
  cache_ = folder_.write("file", std::string_view("no folder"));
  EXPECT_EQ(ids_of(open()), wanted);
  EXPECT_EQ(ids_of(open()), wanted);
  EXPECT_EQ(folder_.read("file"), "no folder");
}

TEST_F(TokenizerCache, WhatDoesNotOpenIsNotKept) {
  const auto is_refused = [this] {
    const Status refused = open_published_tokenizer(folder_.path("model"), cache_).status();
    EXPECT_FALSE(refused.ok());
    EXPECT_EQ(refused.to_string(),
              token::open_tokenizer(folder_.path("model")).status().to_string());
    EXPECT_TRUE(kept().empty());
  };
  folder_.write("model/tokenizer_config.json", std::string_view(R"({"eos_token":"<none>"})"));
  is_refused();
  folder_.write("model/tokenizer.json", std::string_view(R"({"model":{"type":"WordPiece"}})"));
  is_refused();
  std::filesystem::remove(folder_.path("model/tokenizer.json"));
  is_refused();
}

TEST_F(TokenizerCache, ManyAtOnceGetTheSame) {
  const std::vector<Ids> wanted = ids_of_files();
  std::vector<std::vector<Ids>> found(8);
  std::vector<std::thread> threads;
  for (std::vector<Ids>& ids : found) {
    threads.emplace_back([&ids, this] { ids = ids_of(open()); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<Ids>& ids : found) EXPECT_EQ(ids, wanted);
  EXPECT_EQ(kept().size(), 1u);
}

TEST_F(TokenizerCache, AKeptOneStaysWithWhoeverHasIt) {
  open();
  const PublishedTokenizer second = open();
  std::filesystem::remove_all(cache_);
  EXPECT_EQ(ids_of(second), ids_of_files());
}

}  // namespace
}  // namespace etb
