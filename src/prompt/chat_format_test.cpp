// The built-in chat formats against the published templates of their families, as jinja2 renders
// them: see tests/references/templates/record_formats.py.
#include "family/chat_format.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "base/text.h"
#include "prompt/chat_template.h"
#include "prompt/jinja/runtime.h"
#include "prompt/json.h"
#include "prompt/json_text.h"
#include "prompt/render_line.h"
#include "prompt/test_recorded.h"

namespace etb::prompt {
namespace {

std::string fnv(std::string_view text) {
  uint64_t value = 0xCBF29CE484222325ull;
  for (const char c : text) value = (value ^ static_cast<uint8_t>(c)) * 0x100000001B3ull;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(value));
  return hex;
}

ChatTemplate template_of(const family::ChatFormat& format) {
  auto parsed = ChatTemplate::parse(family::template_text(format));
  EXPECT_TRUE(parsed.ok()) << format.name << ": " << parsed.status().to_string();
  return parsed.ok() ? *parsed : *ChatTemplate::parse("");
}

// Compares one rendering; true if both gave a prompt.
bool compare(const Value& answer, std::string_view expected, const Value* full) {
  if (expected == "system") return false;  // refused there, not here: the test below
  const Value* prompt = answer.dict().find("prompt");
  const Value* error = answer.dict().find("error");
  const bool refused = expected.starts_with("refused: ");
  if (expected == "error" || refused) {
    EXPECT_TRUE(error) << "rendered: " << prompt->text();
    if (error && refused) {
      EXPECT_EQ(error->text(), concat(jinja::kRefusedPrefix, expected.substr(9)));
    }
    return false;
  }
  EXPECT_TRUE(prompt) << error->text();
  if (!prompt) return false;
  if (full) {
    EXPECT_EQ(prompt->text(), full->text());
  }
  EXPECT_EQ(fnv(prompt->text()), expected) << prompt->text();
  return true;
}

TEST(ChatFormat, RendersWhatThePublishedTemplateOfItsFamilyRenders) {
  const Value record = testing::read_recorded("formats.json");
  ASSERT_TRUE(record.dict().find("families"));
  const auto& lines = record.dict().find("lines")->items();
  const RenderDefaults defaults{.now_seconds = record.dict().find("now")->integer()};
  std::set<std::string_view> seen;
  for (const family::ChatFormat& format : family::chat_formats()) {
    SCOPED_TRACE(format.name);
    const Value* family = record.dict().find("families")->dict().find(format.name);
    ASSERT_TRUE(family) << "no reference is recorded for it";
    const ChatTemplate chat_template = template_of(format);
    const auto& results = family->dict().find("results")->items();
    ASSERT_EQ(results.size(), lines.size());
    size_t prompts = 0;
    for (size_t i = 0; i < lines.size() && !::testing::Test::HasFailure(); ++i) {
      const std::string line = json_text(lines[i]);
      SCOPED_TRACE(line);
      const auto answer = parse_json(render_json_line(chat_template, line, defaults));
      ASSERT_TRUE(answer.ok());
      const Value* full = family->dict().find("full")->dict().find(std::to_string(i));
      prompts += compare(*answer, results[i].text(), full) ? 1 : 0;
    }
    EXPECT_GE(prompts, 100u);
    seen.insert(format.name);
  }
  EXPECT_EQ(seen.size(), record.dict().find("families")->dict().size());
}

TEST(ChatFormat, GemmaPutsTheSystemTextBeforeTheFirstUserTurn) {
  for (const family::ChatFormat& format : family::chat_formats()) {
    if (!format.name.starts_with("gemma")) continue;
    const auto prompt = template_of(format).render({.messages = {{"system", "Be brief."},
                                                                 {"user", " Hi "},
                                                                 {"assistant", "Hello!"},
                                                                 {"user", "And now?"}},
                                                    .add_generation_prompt = true,
                                                    .bos_token = "<bos>"});
    ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
    EXPECT_EQ(*prompt,
              "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n"
              "<start_of_turn>model\nHello!<end_of_turn>\n"
              "<start_of_turn>user\nAnd now?<end_of_turn>\n<start_of_turn>model\n");
  }
}

}  // namespace
}  // namespace etb::prompt
