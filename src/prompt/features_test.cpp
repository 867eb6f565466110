// Every feature of the language against what jinja2, set up as Hugging Face does, gave: see
// tests/references/templates/record_features.py.
#include <gtest/gtest.h>

#include "prompt/chat_template.h"
#include "prompt/jinja/runtime.h"
#include "prompt/json.h"
#include "prompt/json_text.h"
#include "prompt/render_line.h"
#include "prompt/test_recorded.h"

namespace etb::prompt {
namespace {

TEST(Features, EqualWhatJinja2Gives) {
  const Value recorded = testing::read_recorded("features.json");
  ASSERT_TRUE(recorded.dict().find("cases"));
  const auto& lines = recorded.dict().find("lines")->items();
  const RenderDefaults defaults{.now_seconds = recorded.dict().find("now")->integer()};
  size_t compared = 0;
  for (const Value& entry : recorded.dict().find("cases")->items()) {
    const Dict& fields = entry.dict();
    const std::string_view text = fields.find("template")->text();
    const auto line = static_cast<size_t>(fields.find("line")->integer());
    const auto parsed = ChatTemplate::parse(text);
    std::string answer = concat("{\"error\": \"", parsed.ok() ? "" : "syntax", "\"}");
    if (parsed.ok()) answer = render_json_line(*parsed, json_text(lines[line]), defaults);
    const Result<Value> ours = parse_json(answer);
    ASSERT_TRUE(ours.ok()) << text << answer;
    const Value* prompt = ours->dict().find("prompt");
    const Value* error = ours->dict().find("error");
    if (const Value* expected = fields.find("prompt")) {
      EXPECT_EQ(prompt ? prompt->text() : answer, expected->text()) << text;
    } else if (const Value* refused = fields.find("refused")) {
      EXPECT_EQ(error ? error->text() : answer, concat(jinja::kRefusedPrefix, refused->text()));
    } else {
      EXPECT_TRUE(error && !error->text().starts_with(jinja::kRefusedPrefix))
          << text << "\njinja2 fails with " << fields.find("error")->text() << "\nours: " << answer;
    }
    ++compared;
  }
  EXPECT_GE(compared, 850u);
}

}  // namespace
}  // namespace etb::prompt
