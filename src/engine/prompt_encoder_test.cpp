// From messages to ids: what templates refuse, where the system text goes then, and what comes back
// when nothing helps.
#include "engine/prompt_encoder.h"

#include <gtest/gtest.h>

#include "engine/testing/byte_model.h"

namespace etb {
namespace {

using Messages = std::vector<prompt::Message>;

// A template that knows user and assistant in turn and no system role, as Gemma 2's.
constexpr const char* kNoSystem =
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('In turn!') }}"
    "{% endif %}[{{ m.role }}:{{ m.content }}]{% endfor %}";

std::string rendered(const char* chat_template, const Messages& messages) {
  ModelBundle bundle = testing::byte_bundle();
  auto parsed = prompt::ChatTemplate::parse(chat_template);
  EXPECT_TRUE(parsed.ok());
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(parsed).value());
  const auto prompt = encode_messages(bundle, messages, {}, {});
  return prompt.ok() ? prompt->text : std::string(prompt.status().message());
}

TEST(PromptEncoder, ASystemTextThatIsRefusedBeginsTheFirstUserMessage) {
  EXPECT_EQ(rendered(kNoSystem, {{.role = "system", .content = "Be brief."},
                                 {.role = "user", .content = "Hi"},
                                 {.role = "assistant", .content = "Hello"},
                                 {.role = "user", .content = "And now?"}}),
            "[user:Be brief.\n\nHi][assistant:Hello][user:And now?]");
}

TEST(PromptEncoder, ATemplateWithASystemRoleKeepsIt) {
  EXPECT_EQ(rendered("{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}",
                     {{.role = "system", .content = "S"}, {.role = "user", .content = "U"}}),
            "[system:S][user:U]");
}

TEST(PromptEncoder, WhatIsStillRefusedComesBackAsItWasSaidOfWhatWasAsked) {
  const std::string refused = "System role not supported";
  EXPECT_NE(rendered(kNoSystem, {{.role = "system", .content = "S"}}).find(refused),
            std::string::npos);
  EXPECT_NE(rendered(kNoSystem,
                     {{.role = "system", .content = "S"}, {.role = "assistant", .content = "A"}})
                .find(refused),
            std::string::npos);
  EXPECT_NE(rendered(kNoSystem, {{.role = "system", .content = "S"},
                                 {.role = "user", .content = "U"},
                                 {.role = "user", .content = "U"}})
                .find(refused),
            std::string::npos);
  EXPECT_NE(
      rendered(kNoSystem, {{.role = "user", .content = "U"}, {.role = "user", .content = "V"}})
          .find("In turn!"),
      std::string::npos);
}

TEST(PromptEncoder, AFoldedSystemTextStaysText) {
  ModelBundle bundle = testing::byte_bundle();
  auto parsed = prompt::ChatTemplate::parse(kNoSystem);
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(parsed).value());
  const auto prompt = encode_messages(
      bundle, {{.role = "system", .content = "<|im_end|>"}, {.role = "user", .content = "U"}}, {},
      {});
  ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
  EXPECT_EQ(std::ranges::count(prompt->ids, testing::kEnd), 0);
}

constexpr const char* kTools = R"([{"type": "function", "function": {"name": "now"}}])";

std::string with_tools(const std::string& chat_template, const Messages& messages,
                       const std::string& tools) {
  ModelBundle bundle = testing::byte_bundle();
  auto parsed = prompt::ChatTemplate::parse(chat_template);
  EXPECT_TRUE(parsed.ok());
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(parsed).value());
  const auto prompt = encode_messages(bundle, messages, {}, {.tools = tools});
  return prompt.ok() ? prompt->text : prompt.status().to_string();
}

TEST(PromptEncoder, ToolsGoWhereTheTemplateLooksForThem) {
  const Messages hi = {{.role = "user", .content = "Hi"}};
  const std::string common = "{{ tools|tojson if tools else 'none' }}";
  EXPECT_EQ(with_tools(common, hi, kTools), kTools);
  EXPECT_EQ(with_tools(common, hi, ""), "none");
  EXPECT_EQ(with_tools(common, hi, "[]"), "none");
  for (const family::ChatFormat& format : family::chat_formats()) {
    if (format.name != "phi-4-mini") continue;
    const std::string text = family::template_text(format);
    EXPECT_EQ(with_tools(text, hi, kTools),
              "<|system|><|tool|>[{\"name\": \"now\"}]<|/tool|><|end|><|user|>Hi<|end|>"
              "<|assistant|>");
    EXPECT_EQ(with_tools(text, {{.role = "system", .content = "S"}, hi[0]}, kTools),
              "<|system|>S<|tool|>[{\"name\": \"now\"}]<|/tool|><|end|><|user|>Hi<|end|>"
              "<|assistant|>");
  }
}

TEST(PromptEncoder, CallsAndResultsAreMessagesWithFurtherFields) {
  const std::string text =
      "{% for m in messages %}{{ m.role }}:{{ m.tool_calls[0].function.name if m.tool_calls else "
      "m.content }}{{ m.tool_call_id }};{% endfor %}";
  EXPECT_EQ(with_tools(text,
                       {{.role = "user", .content = "Time?"},
                        {.role = "assistant",
                         .content = "",
                         .fields = R"({"tool_calls": [{"function": {"name": "now"}}]})"},
                        {.role = "tool", .content = "12:00", .fields = R"({"tool_call_id": "1"})"}},
                       kTools),
            "user:Time?;assistant:now;tool:12:001;");
}

TEST(PromptEncoder, BrokenToolsAndFieldsAreNamed) {
  const Messages hi = {{.role = "user", .content = "Hi"}};
  EXPECT_NE(with_tools("x", hi, "{}").find("JSON array"), std::string::npos);
  EXPECT_NE(with_tools("x", hi, "[1").find("the tools"), std::string::npos);
  EXPECT_NE(with_tools("x", {{.role = "user", .content = "Hi", .fields = "["}}, "")
                .find("the fields of a message"),
            std::string::npos);
}

// Declarations, calls and results come from outside: also behind an escape they stay text.
TEST(PromptEncoder, NoControlTokenComesOutOfToolsAndFields) {
  ModelBundle bundle = testing::byte_bundle();
  auto parsed = prompt::ChatTemplate::parse(
      "{{ tools|tojson }}{{ messages[0].name }}{{ messages[0].content }}<|im_start|>");
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(parsed).value());
  const auto prompt = encode_messages(
      bundle,
      {{.role = "tool", .content = "<|im_end|>", .fields = R"({"name": "\u003c|im_end|>"})"}}, {},
      {.tools = R"([{"name": "<|im_end|>", "<|im_end|>": "\u003c|im_end|\u003e"}])"});
  ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
  EXPECT_EQ(std::ranges::count(prompt->ids, testing::kEnd), 0);
  EXPECT_EQ(std::ranges::count(prompt->ids, testing::kStart), 1);
}

// The same model with control tokens that are ordinary ones: nothing is marked.
ModelBundle without_control_tokens() {
  ModelBundle bundle = testing::byte_bundle();
  family::VocabData vocab = testing::byte_vocab();
  for (const TokenId id : {testing::kStart, testing::kEnd}) {
    vocab.types[id] = family::TokenType::Normal;
  }
  bundle.tokenizer = std::make_shared<token::Tokenizer>(*token::Tokenizer::create(vocab));
  return bundle;
}

// Whatever a template makes of the text around the marks.
TEST(PromptEncoder, MarksChangeNothingThatATemplateEscapes) {
  const Messages messages = {
      {.role = "user", .content = "a\"<|im_end|>\u00e9'\n"},
      {.role = "assistant",
       .content = "",
       .fields = R"({"tool_calls": [{"type": "function", "function": {"name": "f",
                     "arguments": {"<|im_end|>": "<|im_start|>"}}}]})"},
      {.role = "tool", .content = R"({"x": "<|im_end|>"})", .fields = R"({"name": "f"})"},
      {.role = "user", .content = "<|im_end|>"}};
  const std::string tools =
      R"([{"type": "function", "function": {"name": "f", "description": "<|im_end|>",
           "parameters": {"type": "object", "properties": {"<|im_end|>": {"type": "string"}}}}}])";
  std::vector<std::string> templates = {
      "{{ messages[0].content|tojson(ensure_ascii=true) }}",
      "{{ messages|tojson(ensure_ascii=true, indent=2) }}{{ tools|tojson(ensure_ascii=true) }}",
      "{{ messages[0] }}{{ tools }}{{ messages|string }}",
      "{{ '%r %s' % (messages[0].content, messages[1]) }}{{ '{!r}'.format(messages[0]) }}",
      "{{ namespace(c=messages[0].content) }}{{ messages[0].content|urlencode|e }}"};
  for (const family::ChatFormat& format : family::chat_formats()) {
    templates.push_back(family::template_text(format));
  }
  for (const std::string& text : templates) {
    SCOPED_TRACE(text);
    const auto rendered_by = [&](ModelBundle bundle) {
      bundle.chat_template =
          std::make_shared<prompt::ChatTemplate>(*prompt::ChatTemplate::parse(text));
      return encode_messages(bundle, messages, {}, {.tools = tools});
    };
    const auto plain = rendered_by(without_control_tokens());
    const auto marked = rendered_by(testing::byte_bundle());
    ASSERT_EQ(plain.ok(), marked.ok()) << marked.status().to_string();
    if (!plain.ok()) continue;  // a family without tools
    EXPECT_NE(plain->text, marked->text);
    std::string taken_out = marked->text;
    for (const std::string mark : {"\uFDD0", "\uFDD1"}) {
      for (size_t at = 0; (at = taken_out.find(mark, at)) != std::string::npos;) {
        taken_out.erase(at, mark.size());
      }
    }
    EXPECT_EQ(taken_out, plain->text);
    EXPECT_EQ(*testing::byte_bundle().tokenizer->decode(marked->ids, {.special = true}),
              plain->text);
    // What is left of control tokens is the template's own.
    const bool own = text.find("<|im_end|>") != std::string::npos;
    if (!own) {
      EXPECT_EQ(std::ranges::count(marked->ids, testing::kEnd), 0);
    }
  }
}

}  // namespace
}  // namespace etb
