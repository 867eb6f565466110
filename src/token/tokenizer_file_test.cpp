// Whole files: against what Hugging Face tokenizers and sentencepiece made of the same texts
// (tests/references/token/record_files.py), and what stands in the files beside them.
#include "token/tokenizer_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "platform/test_folder.h"
#include "token/recorded_cases.h"
#include "token/tiktoken_file.h"
#include "token/tokenizer.h"

namespace etb::token {
namespace {

using Ids = std::vector<TokenId>;

const std::string kReferences = std::string(ETB_SOURCE_DIR) + "/tests/references/token/";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct RecordedFile {
  std::string name;
  std::vector<RecordedCase> cases;
};

std::vector<RecordedFile> read_recorded_files() {
  std::ifstream in(kReferences + "files.txt", std::ios::binary);
  std::vector<RecordedFile> files;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("file\t")) {
      files.push_back({line.substr(5), {}});
      continue;
    }
    RecordedPeer peer;
    read_recorded_line(line, peer);
    files.back().cases.push_back(peer.cases.at(0));
  }
  return files;
}

TEST(TokenizerFile, IdsEqualThePeersOnEveryRecordedText) {
  const auto files = read_recorded_files();
  ASSERT_EQ(files.size(), 15u);
  size_t compared = 0;
  for (const RecordedFile& file : files) {
    const auto opened = open_tokenizer(kReferences + "files/" + file.name);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const auto tokenizer = Tokenizer::create(opened->vocab);
    ASSERT_TRUE(tokenizer.ok()) << file.name << ": " << tokenizer.status().to_string();
    for (const RecordedCase& recorded : file.cases) {
      const auto ids = tokenizer->encode(recorded.text, {.parse_special = recorded.special});
      ASSERT_TRUE(ids.ok()) << ids.status().to_string();
      EXPECT_EQ(*ids, recorded.ids)
          << file.name << " " << recorded.category << ": " << testing::PrintToString(recorded.text);
      ++compared;
    }
  }
  EXPECT_GE(compared, 700u);
}

// The stored vocabulary carries the rules: from a .pte the same ids come out.
TEST(TokenizerFile, TheStoredFormGivesTheSameIds) {
  for (const RecordedFile& file : read_recorded_files()) {
    auto opened = open_tokenizer(kReferences + "files/" + file.name);
    ASSERT_TRUE(opened.ok());
    opened->vocab.skip_direct = false;  // as an importer would store it
    const auto tokenizer = Tokenizer::create(*family::serialize_vocab(opened->vocab));
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
    for (const RecordedCase& recorded : file.cases) {
      EXPECT_EQ(*tokenizer->encode(recorded.text, {.parse_special = recorded.special}),
                recorded.ids)
          << file.name << ": " << testing::PrintToString(recorded.text);
    }
  }
}

// Encoding goes back and forth wherever nothing is changed or dropped by intent.
TEST(TokenizerFile, DecodingGivesTheTextBack) {
  for (const char* name : {"llama3.json", "smollm.json", "gemma.json", "llama2.json", "bpe.model",
                           "unigram.model", "unigram-bytes.json"}) {
    const auto opened = open_tokenizer(kReferences + "files/" + name);
    const auto tokenizer = *Tokenizer::create(opened->vocab);
    for (const std::string text :
         {"Hello  world", " a b", "x", "\u00e9\u6f22\U0001F600\n\n\tz ", "1 2  345"}) {
      EXPECT_EQ(*tokenizer.decode(*tokenizer.encode(text)), text) << name;
    }
  }
}

SideFiles side_files() {
  return {.tokenizer_config =
              R"({"bos_token":"<|endoftext|>","eos_token":{"content":"<|im_end|>"},)"
              R"("pad_token":"[PAD]","add_bos_token":true,"chat_template":"one"})",
          .generation_config = R"({"eos_token_id":[1,0]})",
          .template_json = {},
          .template_jinja = {}};
}

TokenizerFiles small_files() {
  return *open_tokenizer(kReferences + "files/smollm.json");
}

TEST(TokenizerFile, TheFilesBesideSayWhichTokensHaveARole) {
  TokenizerFiles files = small_files();
  ASSERT_TRUE(apply_side_files(side_files(), files).ok());
  EXPECT_EQ(files.vocab.tokens[*files.vocab.ids.bos], "<|endoftext|>");
  EXPECT_EQ(files.vocab.tokens[*files.vocab.ids.eos], "<|im_end|>");
  EXPECT_FALSE(files.vocab.ids.pad.has_value()) << "a padding token that is not there is let be";
  EXPECT_TRUE(files.vocab.add_bos);
  EXPECT_EQ(files.chat_template, "one");
  EXPECT_EQ(files.eos_ids, (Ids{0, 1})) << "of both files, each once";
}

TEST(TokenizerFile, TheTemplateOfTheMostSpecialFileCounts) {
  SideFiles side = side_files();
  side.template_json = R"({"chat_template":"two"})";
  TokenizerFiles files = small_files();
  ASSERT_TRUE(apply_side_files(side, files).ok());
  EXPECT_EQ(files.chat_template, "two");
  side.template_jinja = "three";
  ASSERT_TRUE(apply_side_files(side, files).ok());
  EXPECT_EQ(files.chat_template, "three");
}

TEST(TokenizerFile, SeveralTemplatesHaveNames) {
  SideFiles side;
  side.tokenizer_config = R"({"chat_template":[{"name":"tool_use","template":"t"},)"
                          R"({"name":"default","template":"d"}]})";
  TokenizerFiles files = small_files();
  ASSERT_TRUE(apply_side_files(side, files).ok());
  EXPECT_EQ(files.chat_template, "d");
  ASSERT_EQ(files.named_templates.size(), 1u);
  EXPECT_EQ(files.named_templates[0].first, "tool_use");
}

TEST(TokenizerFile, WhatDoesNotFitBesideIsNamed) {
  const auto error_of = [](SideFiles side) {
    TokenizerFiles files = small_files();
    const Status status = apply_side_files(side, files);
    EXPECT_EQ(status.code(), StatusCode::Corrupt);
    return std::string(status.message());
  };
  const auto config = [&](const char* text) { return error_of({text, {}, {}, {}}); };
  const auto generation = [&](const char* text) { return error_of({{}, text, {}, {}}); };
  EXPECT_EQ(config(R"({"eos_token":"<x>"})"),
            "tokenizer_config.json: eos_token \"<x>\" is not in the vocabulary");
  EXPECT_EQ(config(R"({"bos_token":7})").substr(0, 37), "tokenizer_config.json: bos_token is 7");
  EXPECT_NE(config(R"({"add_bos_token":"yes"})").find("add_bos_token is \"yes\""),
            std::string::npos);
  EXPECT_NE(config(R"({"chat_template":[{"name":"a"}]})").find("chat_template is [...]"),
            std::string::npos);
  EXPECT_NE(config("[]").find("an object is expected"), std::string::npos);
  EXPECT_NE(config("{").find("tokenizer_config.json: bad JSON"), std::string::npos);
  for (const char* id : {"-1", "1.5", "1e9", "\"0\"", "[0,true]"}) {
    const std::string text = std::string(R"({"eos_token_id":)") + id + "}";
    EXPECT_NE(generation(text.c_str()).find("eos_token_id"), std::string::npos) << id;
  }
}

TEST(TokenizerFolder, AFolderIsSearchedInOrder) {
  const TestFolder folder;
  const auto none = open_tokenizer(folder.path());
  EXPECT_EQ(none.status().code(), StatusCode::NotFound);
  EXPECT_NE(none.status().message().find("tokenizer.json, tokenizer.model"), std::string::npos);
  folder.write("tokenizer.model", read_file(kReferences + "files/bpe.model"));
  EXPECT_EQ(open_tokenizer(folder.path())->vocab.kind, family::VocabKind::SentencePiece);
  folder.write("tokenizer.json", read_file(kReferences + "files/gemma.json"));
  folder.write("chat_template.jinja", "{{ messages }}");
  folder.write("generation_config.json", R"({"eos_token_id":3})");
  const auto found = open_tokenizer(folder.path());
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(found->vocab.kind, family::VocabKind::PieceBpe);
  EXPECT_EQ(found->chat_template, "{{ messages }}");
  EXPECT_EQ(found->eos_ids, Ids{3});
}

TEST(TokenizerFolder, WhatIsNoTokenizerIsRefusedWithItsPath) {
  const TestFolder folder;
  folder.write("tokenizer.json", "GGUF");
  const auto opened = open_tokenizer(folder.path());
  EXPECT_EQ(opened.status().code(), StatusCode::Unsupported);
  EXPECT_NE(opened.status().message().find("tokenizer.json: this is no tokenizer file"),
            std::string::npos);
  EXPECT_EQ(open_tokenizer(folder.path("none")).status().code(), StatusCode::NotFound);
}

std::string base64_number(size_t i) {  // of three bytes, never the same for two numbers
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return {kDigits[i >> 18 & 63], kDigits[i >> 12 & 63], kDigits[i >> 6 & 63], kDigits[i & 63]};
}

std::string llama3_ranks() {
  std::string text;
  for (size_t i = 0; i < 128'000; ++i) {
    text += (i < 3 ? std::string(1, "ABC"[i]) + "Q==" : base64_number(i)) + " " + std::to_string(i);
    text += '\n';
  }
  return text;
}

TEST(Tiktoken, Llama3sSpecialTokensFollowFromTheNumberOfRanks) {
  const auto vocab = read_tokenizer(llama3_ranks());
  ASSERT_TRUE(vocab.ok()) << vocab.status().to_string();
  EXPECT_EQ(vocab->kind, family::VocabKind::RankedBytes);
  ASSERT_EQ(vocab->tokens.size(), 128'256u);
  EXPECT_EQ(vocab->tokens[128'000], "<|begin_of_text|>");
  EXPECT_EQ(vocab->tokens[128'012], "<|reserved_special_token_2|>");
  EXPECT_EQ(vocab->tokens[128'255], "<|reserved_special_token_245|>");
  EXPECT_EQ(vocab->ids.bos, 128'000u);
  EXPECT_EQ(vocab->ids.eot, 128'009u);
  EXPECT_EQ(vocab->tokens[1], "\x05");
}

TEST(Tiktoken, BadLinesAndOtherSizesAreNamed) {
  EXPECT_EQ(read_tiktoken("QQ== 0\nQg== 1\n").status().code(), StatusCode::Unsupported);
  EXPECT_NE(read_tiktoken("QQ== 0\n").status().message().find("with 1 tokens"), std::string::npos);
  for (const char* text :
       {"QQ== 0\nQ 1\n", "QQ== 0\nQg== x\n", "QQ== 0\nQg== 0\n", "QQ== 0\nQR== 1\n",
        "QQ== 0\nQg==  1\n", "QQ== 0\nQg== 99999999\n", "QQ== 0\nQg== 5\n"}) {
    EXPECT_EQ(read_tiktoken(text).status().code(), StatusCode::Corrupt) << text;
  }
}

std::string field(char key, const std::string& bytes) {
  return std::string{key, static_cast<char>(bytes.size())} + bytes;
}
std::string piece(const std::string& text, char type) {
  return field(0x0A, field(0x0A, text) + std::string{0x18, type});
}

TEST(SentencePieceFile, SettingsThatAreNotSupportedAreNamed) {
  const std::string pieces = piece("<unk>", 2) + piece("a", 1);
  const auto error_of = [](const std::string& bytes) {
    const auto vocab = read_tokenizer(bytes);
    EXPECT_EQ(vocab.status().code(), StatusCode::Unsupported);
    return std::string(vocab.status().message());
  };
  EXPECT_TRUE(read_tokenizer(pieces).ok());
  EXPECT_NE(error_of(pieces + field(0x12, {0x18, 4})).find("model_type 4"), std::string::npos);
  EXPECT_NE(error_of(pieces + field(0x12, {'\xC0', 1, 1})).find("whitespace_as_suffix"),
            std::string::npos);
  EXPECT_NE(error_of(pieces + field(0x1A, {0x28, 0})).find("escape_whitespaces"),
            std::string::npos);
  EXPECT_NE(error_of(pieces + field(0x2A, field(0x12, "x"))).find("denormalizer_spec"),
            std::string::npos);
}

TEST(SentencePieceFile, BrokenBytesAreCorrupt) {
  for (const std::string& bytes :
       {piece("a", 9), piece("a", 1) + "\x0A", piece("a", 1) + "\x0A\x7F",
        std::string("\x0A\x02\x0A\x05"), std::string("\x0A\x00", 2) + "\x0B",
        piece("a", 1) + field(0x1A, field(0x12, "map"))}) {
    EXPECT_EQ(read_tokenizer(bytes).status().code(), StatusCode::Corrupt);
  }
  const std::string whole = read_file(kReferences + "files/unigram-rules.model");
  for (size_t length = 1; length < whole.size(); length += 37) {
    const auto vocab = read_tokenizer(std::string_view(whole).substr(0, length));
    if (vocab.ok()) (void)Tokenizer::create(*vocab);  // pieces alone make a model
  }
}

}  // namespace
}  // namespace etb::token
