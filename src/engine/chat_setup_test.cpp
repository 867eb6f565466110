// What a file does not say itself: its chat template by its vocabulary, its stop ids from all who
// name one.
#include "engine/chat_setup.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/log.h"
#include "engine/loaded_model.h"
#include "engine/prompt_encoder.h"
#include "engine/testing/byte_model.h"
#include "engine/text_tools.h"
#include "platform/test_folder.h"

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

// A bundle that was opened with a template of the user's choice.
ModelBundle bundle_with(const std::vector<std::string>& special, const std::string& name_or_path) {
  ModelBundle bundle = bundle_of(special);
  auto chosen = choose_template(name_or_path);
  EXPECT_TRUE(chosen.ok()) << chosen.status().to_string();
  if (!chosen.ok()) return bundle;
  bundle.chat_template = chosen->chat_template;
  bundle.chosen = chosen->format;
  settle_chat_format(bundle);
  return bundle;
}

TEST(ChosenTemplate, IsABuiltInOneByItsName) {
  const ModelBundle bundle = bundle_with(kLlama, "chatml");
  EXPECT_EQ(bundle.format->name, "llama-3.1") << "what the vocabulary tells is known all the same";
  const auto prompt = encode_messages(bundle, kChat, {}, {});
  ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
  EXPECT_TRUE(prompt->text.ends_with("<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_EQ(choose_template("")->chat_template, nullptr) << "nothing was asked for";
  for (const family::ChatFormat& format : family::chat_formats()) {
    const auto chosen = choose_template(std::string(format.name));
    ASSERT_TRUE(chosen.ok()) << format.name;
    EXPECT_EQ(chosen->format, &format);
    EXPECT_EQ(chosen->chat_template->text(), family::template_text(format));
    EXPECT_NE(built_in_templates().find(format.name), std::string::npos);
  }
}

TEST(ChosenTemplate, IsAFileIfNoBuiltInOneIsCalledSo) {
  const TestFolder folder;
  const std::string path = folder.write("my.jinja", "<|im_start|>{{ messages[-1].content }}");
  const auto prompt = encode_messages(bundle_with(kGemma, path), kChat, {}, {});
  ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
  EXPECT_EQ(prompt->text, "<|im_start|>U");
}

TEST(ChosenTemplate, WhatIsNoneIsAnErrorThatNamesIt) {
  const TestFolder folder;
  const auto refused = [](const std::string& name, StatusCode code) {
    const Status status = choose_template(name).status();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_NE(status.message().find(name), std::string::npos) << status.to_string();
    return std::string(status.message());
  };
  const std::string none = refused("llama3", StatusCode::NotFound);
  EXPECT_NE(none.find("no such file"), std::string::npos) << none;
  EXPECT_NE(none.find(built_in_templates()), std::string::npos) << none;
  const auto file = [&](std::string_view text) { return folder.write("broken.jinja", text); };
  EXPECT_NE(refused(file("{{ a\n{% if %}"), StatusCode::Corrupt).find("line "), std::string::npos);
  refused(file("{{ a|no_such_filter }}"), StatusCode::Corrupt);
  refused(file(""), StatusCode::Corrupt);
  refused(file("{{ '\xFF' }}"), StatusCode::Corrupt);
  EXPECT_FALSE(choose_template(folder.path()).ok()) << "a folder";
}

// Each part of how a conversation is held follows the template that was chosen.
TEST(ChosenTemplate, TellsHowAnswersEndAndWhatTheyHold) {
  const TestFolder folder;
  const std::vector<std::string> special = {
      "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_end|>", "<stop>", "<image>"};
  // An id of either: the vocabulary's own, and what the template writes behind an answer.
  EXPECT_EQ(collect_stop_ids(bundle_with(special, "chatml")), (std::vector<TokenId>{258, 259}));
  const auto own = [&](std::string_view text) {
    return bundle_with(special, folder.write("own.jinja", text));
  };
  const ModelBundle spaced = own("{% for m in messages %}{{ m.content }} \n<stop>{% endfor %}");
  EXPECT_EQ(collect_stop_ids(spaced), (std::vector<TokenId>{258, 260}));
  EXPECT_EQ(spaced.reasoning, nullptr);
  EXPECT_EQ(spaced.calls, nullptr);
  const ModelBundle parts = own(
      "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}<image>{% endfor %}");
  EXPECT_EQ(collect_stop_ids(parts), (std::vector<TokenId>{258, 261})) << "takes parts alone";
  EXPECT_EQ(collect_stop_ids(own("{{ messages[-1].content }}")), (std::vector<TokenId>{258}));
  EXPECT_EQ(collect_stop_ids(own("{{ messages[-1].content }}!<stop>")), (std::vector<TokenId>{258}))
      << "behind text that is no end";
  const ModelBundle qwen = own("{# </think> <tool_call> #}{{ messages[-1].content }}");
  EXPECT_EQ(qwen.reasoning->open, "<think>");
  EXPECT_EQ(qwen.calls->name, "hermes");
}

TEST(ChosenTemplate, MakesAnotherModel) {
  const ModelOptions options{.model = "m.gguf"};
  ModelOptions other = options;
  other.chat_template = "chatml";
  EXPECT_NE(model_key(options), model_key(other));
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
  bundle.format = nullptr;
  bundle.answer_end.reset();  // then there is nothing better
  EXPECT_EQ(collect_stop_ids(bundle), (std::vector<TokenId>{'x'}));
}

}  // namespace
}  // namespace etb
