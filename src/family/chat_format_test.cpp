// Which chat format a file without a template is given: by what its vocabulary says, model for
// model.
#include "family/chat_format.h"

#include <gtest/gtest.h>

#include <set>

namespace etb::family {
namespace {

struct Model {
  const char* name;
  std::set<std::string_view> tokens;  // special ones of its vocabulary, as far as rows ask
  uint32_t layers;
  const char* format;  // null: none
};

const Model kModels[] = {
    {"Llama 3 8B",
     {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|eot_id|>", "<|reserved_special_token_0|>"},
     32,
     "llama-3"},
    {"Llama 3.1 8B",
     {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"},
     32,
     "llama-3.1"},
    {"Llama 3.3 70B",
     {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"},
     80,
     "llama-3.1"},
    {"Llama 3.2 1B",
     {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"},
     16,
     "llama-3.2"},
    {"Llama 3.2 3B",
     {"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
      "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"},
     28,
     "llama-3.2"},
    {"Llama 3.x, layers unknown",
     {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"},
     0,
     "llama-3.1"},
    {"Gemma 2 2B", {"<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"}, 26, "gemma-2"},
    {"Gemma 3 270M",
     {"<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>"},
     18,
     "gemma-3"},
    {"Phi-4", {"<|endoftext|>", "<|im_start|>", "<|im_sep|>", "<|im_end|>"}, 40, "phi-4"},
    {"Phi-4-mini",
     {"<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<|tool|>",
      "<|tool_call|>"},
     32,
     "phi-4-mini"},
    {"Phi-3.5-mini",
     {"<s>", "<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"},
     32,
     "phi-3"},
    {"SmolLM2 135M", {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"}, 30, "chatml"},
    {"Qwen 3 0.6B",
     {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "<think>"},
     28,
     "chatml"},
    // Speak one of two, or something else: the vocabulary does not tell.
    {"Hermes 2 Pro Llama 3 8B",
     {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"},
     32,
     nullptr},
    {"SmolVLM", {"<|im_start|>", "<|im_end|>", "<end_of_utterance>"}, 30, nullptr},
    {"Mistral 7B", {"<s>", "</s>", "[INST]", "[/INST]"}, 32, nullptr},
    {"Llama 2 7B", {"<s>", "</s>", "<unk>"}, 32, nullptr},
    {"without special tokens", {}, 16, nullptr},
};

const ChatFormat* format_of(const Model& model) {
  return find_chat_format(
      {.has_token = [&](std::string_view text) { return model.tokens.contains(text); },
       .layers = model.layers});
}

TEST(ChatFormat, IsToldByTheVocabulary) {
  std::set<std::string_view> used;
  for (const Model& model : kModels) {
    const ChatFormat* const format = format_of(model);
    if (model.format == nullptr) {
      EXPECT_EQ(format, nullptr) << model.name << " is taken for " << format->name;
      continue;
    }
    ASSERT_NE(format, nullptr) << model.name;
    EXPECT_EQ(format->name, model.format) << model.name;
    used.insert(format->name);
  }
  EXPECT_EQ(used.size(), chat_formats().size()) << "a row that no model here is given";
}

TEST(Reasoning, IsToldByTheTemplateOrTheVocabulary) {
  const ModelTraits nothing{.has_token = [](std::string_view) { return false; }};
  const ModelTraits qwen3{
      .has_token = [](std::string_view text) { return text == "<think>" || text == "</think>"; }};
  EXPECT_EQ(find_reasoning("{{ m.content }}", nothing), nullptr);
  EXPECT_EQ(find_reasoning("{{ m.content }}", qwen3)->open, "<think>");
  // DeepSeek R1's first template only takes it out of earlier answers.
  EXPECT_EQ(find_reasoning("{{ m.content.split('</think>')[-1] }}", nothing)->close, "</think>");
  // As Phi-4-reasoning's begins.
  EXPECT_NE(
      find_reasoning("format: <think> {Thought section} </think> {Solution section}.", nothing),
      nullptr);
  EXPECT_EQ(find_reasoning("[THINK]{{ m.thinking }}[/THINK]", nothing)->open, "[THINK]");
}

// Its answers open with the tags in letters, and its template writes neither.
TEST(Reasoning, OfPhi4MiniReasoningIsToldByItsSystemText) {
  const ModelTraits phi{.has_token = [](std::string_view text) { return text == "<|system|>"; }};
  EXPECT_EQ(find_reasoning("{{ '<|system|>Your name is Phi, an AI math expert developed by "
                           "Microsoft.' }}{% for message in messages %}",
                           phi)
                ->open,
            "<think>");
  EXPECT_EQ(find_reasoning(template_text(*chat_format_named("phi-4-mini")), phi), nullptr)
      << "Phi-4-mini-instruct answers at once";
  EXPECT_EQ(find_reasoning("{{ '<|system|>Your name is Phi.' }}", phi), nullptr);
  EXPECT_EQ(find_reasoning("", phi), nullptr);
}

TEST(Calls, AreToldByTheTemplateOrTheVocabulary) {
  const auto found = [](std::string_view chat_template, std::set<std::string_view> tokens) {
    const CallFormat* const format = find_calls(
        chat_template, {.has_token = [&](std::string_view text) { return tokens.contains(text); }});
    return format == nullptr ? "none" : format->name;
  };
  EXPECT_EQ(found("", {"<|python_tag|>", "<|eom_id|>"}), "llama-3.1");
  EXPECT_EQ(found("", {"<|tool_call|>", "<|/tool_call|>"}), "phi-4-mini");
  EXPECT_EQ(found("", {"<|tool_call|>"}), "none") << "Granite's calls have one mark";
  EXPECT_EQ(found("", {"[TOOL_CALLS]", "[INST]"}), "mistral");
  EXPECT_EQ(found("{{ '[TOOL_CALLS]' + name + '[ARGS]' }}", {}), "mistral-2025");
  EXPECT_EQ(found("{{ '[TOOL_CALLS][' }}", {"[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"}), "mistral")
      << "Mistral Small 3 has the tokens and does not use them";
  EXPECT_EQ(found("{{ '<tool_call>\n<function=' + name }}", {}), "qwen-coder");
  EXPECT_EQ(found("", {"<tool_call>", "</tool_call>"}), "hermes");
  EXPECT_EQ(found("{{ '<tool_call>\n' }}", {"<|python_tag|>"}), "hermes")
      << "Hermes 3 on Llama 3.1";
  for (const ChatFormat& format : chat_formats()) {
    const std::string text = template_text(format);
    const ModelTraits nothing{.has_token = [](std::string_view) { return false; }};
    EXPECT_EQ(find_calls(text, nothing) != nullptr, shows_calls(text)) << format.name;
    EXPECT_EQ(shows_calls(text), format.name.starts_with("llama-3.")) << format.name;
  }
}

TEST(ChatFormat, Phi4MiniTakesToolsWithTheSystemMessage) {
  for (const ChatFormat& format : chat_formats()) {
    EXPECT_EQ(tools_in_system_message(template_text(format)), format.name == "phi-4-mini")
        << format.name;
  }
  EXPECT_TRUE(tools_in_system_message("{% if 'tools' in message %}{{ message['tools'] }}"));
}

TEST(ChatFormat, EveryRowEndsItsTurnsAndIsNamedOnce) {
  std::set<std::string_view> names;
  for (const ChatFormat& format : chat_formats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    const std::string text = template_text(format);
    size_t written = 0;
    for (const std::string_view stop : format.stop_texts) {
      written += text.find(stop) != std::string::npos ? 1 : 0;
    }
    // "<|end_of_text|>" and its like end a text, no turn: templates do not write them.
    EXPECT_GE(written, 1u) << format.name;
    EXPECT_NE(known_chat_formats().find(format.name), std::string::npos);
    EXPECT_EQ(chat_format_named(format.name), &format);
  }
  EXPECT_EQ(chat_format_named(""), nullptr);
  EXPECT_EQ(chat_format_named("llama"), nullptr);
}

}  // namespace
}  // namespace etb::family
