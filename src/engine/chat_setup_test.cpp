// What a file does not say itself: its chat template by its vocabulary, its stop ids from all who
// name one.
#include "engine/chat_setup.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/log.h"
#include "engine/loaded_model.h"
#include "engine/prompt_encoder.h"
#include "engine/testing/byte_model.h"

namespace etb {
namespace {

// Bytes as tokens, then `special` from 256 on; no template.
ModelBundle bundle_of(const std::vector<std::string>& special) {
  family::VocabData data = testing::byte_vocab();
  data.tokens.resize(256);
  data.types.resize(256);
  data.ids = {};
  for (const std::string& text : special) {
    data.tokens.push_back(text);
    data.types.push_back(family::TokenType::Control);
  }
  data.scores.assign(data.tokens.size(), 0);
  data.add_bos = !special.empty() && (special[0] == "<bos>" || special[0] == "<|begin_of_text|>");
  if (data.add_bos) data.ids.bos = 256;
  ModelBundle bundle;
  bundle.path = "m.pte";
  auto tokenizer = token::Tokenizer::create(data);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().to_string();
  bundle.tokenizer = std::make_shared<token::Tokenizer>(std::move(tokenizer).value());
  return bundle;
}

const std::vector<std::string> kLlama = {
    "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<|eom_id|>",        "<|end_of_text|>",     "<|python_tag|>"};
const std::vector<std::string> kGemma = {"<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"};

const std::vector<prompt::Message> kChat = {{.role = "system", .content = "S"},
                                            {.role = "user", .content = "U"}};

TEST(ChatSetup, GivesABundleWithoutATemplateTheOneThatItsVocabularyTells) {
  ModelBundle bundle = bundle_of({"<|im_start|>", "<|im_sep|>", "<|im_end|>"});
  settle_chat_format(bundle);
  ASSERT_NE(bundle.format, nullptr);
  EXPECT_EQ(bundle.format->name, "phi-4");
  const auto prompt = encode_messages(bundle, kChat, {}, {});
  ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
  EXPECT_EQ(prompt->text,
            "<|im_start|>system<|im_sep|>S<|im_end|><|im_start|>user<|im_sep|>U<|im_end|>"
            "<|im_start|>assistant<|im_sep|>");
  EXPECT_EQ(prompt->ids.front(), 256u) << "a control token, not its letters";
}

TEST(ChatSetup, EveryBuiltInTemplateParses) {
  for (const family::ChatFormat& format : family::chat_formats()) {
    ModelBundle bundle = bundle_of({format.tokens.begin(), format.tokens.end()});
    if (!format.layers.empty()) bundle.manifest.shape.layers = format.layers.front();
    settle_chat_format(bundle);
    ASSERT_EQ(bundle.format, &format) << format.name;
    EXPECT_NE(bundle.chat_template, nullptr) << format.name;
  }
}

TEST(ChatSetup, LeavesTheFilesOwnTemplate) {
  ModelBundle bundle = bundle_of({"<|im_start|>", "<|im_end|>"});
  bundle.chat_template = testing::byte_bundle().chat_template;
  const auto own = bundle.chat_template;
  settle_chat_format(bundle);
  EXPECT_EQ(bundle.chat_template, own);
  EXPECT_EQ(bundle.format->name, "chatml");
}

TEST(ChatSetup, AVocabularyThatTellsNoneIsRefusedWithTheRemedy) {
  ModelBundle bundle = bundle_of({"[INST]", "[/INST]"});
  settle_chat_format(bundle);
  const auto prompt = encode_messages(bundle, kChat, {}, {});
  ASSERT_EQ(prompt.status().code(), StatusCode::Unsupported);
  EXPECT_NE(prompt.status().message().find("run --raw"), std::string::npos);
  EXPECT_NE(prompt.status().message().find("llama-3.2"), std::string::npos);
  EXPECT_TRUE(encode_raw(bundle, "[INST] Hi [/INST]").ok());
}

TEST(ChatSetup, TheBosComesOnceWhoeverWritesIt) {
  for (const auto& vocabulary : {kLlama, kGemma}) {
    ModelBundle bundle = bundle_of(vocabulary);
    settle_chat_format(bundle);
    const auto prompt = encode_messages(bundle, kChat, {}, {});
    ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
    EXPECT_EQ(prompt->ids.front(), 256u);
    EXPECT_EQ(std::ranges::count(prompt->ids, 256u), 1) << "the template writes it";
    bundle.chat_template = testing::byte_bundle().chat_template;
    const auto other = encode_messages(bundle, kChat, {}, {});
    ASSERT_TRUE(other.ok()) << other.status().to_string();
    EXPECT_EQ(std::ranges::count(other->ids, 256u), 1) << "the template does not";
    EXPECT_EQ(std::ranges::count(*encode_raw(bundle, vocabulary[0] + "x"), 256u), 1);
    EXPECT_EQ(std::ranges::count(*encode_raw(bundle, "x"), 256u), 1);
  }
}

TEST(StopIds, AreAllThatAnybodyNames) {
  ModelBundle bundle = bundle_of(kLlama);
  settle_chat_format(bundle);
  // The vocabulary's spellings alone: <|eot_id|>, <|eom_id|>, <|end_of_text|>.
  EXPECT_EQ(collect_stop_ids(bundle), (std::vector<TokenId>{259, 260, 261}));
  bundle.manifest.tokens.stop = {262, 259};
  bundle.manifest.tokens.eos = 257;
  EXPECT_EQ(collect_stop_ids(bundle), (std::vector<TokenId>{257, 259, 260, 261, 262}));
}

TEST(StopIds, OfTheTokenizerCountToo) {
  family::VocabData data = testing::byte_vocab();
  data.ids.eos = 257;
  data.ids.eot = 256;
  ModelBundle bundle;
  auto tokenizer = token::Tokenizer::create(data);
  ASSERT_TRUE(tokenizer.ok());
  bundle.tokenizer = std::make_shared<token::Tokenizer>(std::move(tokenizer).value());
  EXPECT_EQ(collect_stop_ids(bundle), (std::vector<TokenId>{256, 257}));
}

void keep_log(void* user, LogLevel, std::string_view text) {
  static_cast<std::string*>(user)->append(text);
}

TEST(StopIds, ThatTheTokenizerNamesAreObeyedWhateverTheirType) {
  family::VocabData data = testing::byte_vocab();
  data.ids.eos = 'x';
  data.ids.eot = 257;
  ModelBundle bundle;
  auto tokenizer = token::Tokenizer::create(data);
  ASSERT_TRUE(tokenizer.ok());
  bundle.tokenizer = std::make_shared<token::Tokenizer>(std::move(tokenizer).value());
  bundle.manifest.tokens.stop = {'x', 'y'};
  EXPECT_EQ(collect_stop_ids(bundle), (std::vector<TokenId>{'x', 257}));
}

TEST(StopIds, OfMetadataThatIsAnotherModelsAreNotObeyed) {
  ModelBundle bundle = bundle_of({"<|user|>", "<|assistant|>", "<|end|>", "<|tool_call|>"});
  settle_chat_format(bundle);
  bundle.manifest.tokens.stop = {'x'};  // a letter of this vocabulary
  std::string logged;
  set_log_sink(keep_log, &logged);
  EXPECT_EQ(collect_stop_ids(bundle), (std::vector<TokenId>{258}));
  set_log_sink(nullptr, nullptr);
  EXPECT_NE(logged.find("token 120"), std::string::npos) << logged;
  bundle.format = nullptr;  // then there is nothing better
  EXPECT_EQ(collect_stop_ids(bundle), (std::vector<TokenId>{'x'}));
}

}  // namespace
}  // namespace etb
