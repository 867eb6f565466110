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

}  // namespace
}  // namespace etb
