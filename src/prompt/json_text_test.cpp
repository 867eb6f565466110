#include "prompt/json_text.h"

#include <gtest/gtest.h>

#include "prompt/json.h"

namespace etb::prompt {
namespace {

TEST(JsonText, IsTheSameForTheSameContent) {
  const auto text = plain_json("{\"a\":[1, 2.5,null,true],\n \"b\" : \"\\u00fc\\u003c|x|>\\n\"}");
  ASSERT_TRUE(text.ok()) << text.status().to_string();
  EXPECT_EQ(*text, "{\"a\": [1, 2.5, null, true], \"b\": \"ü<|x|>\\n\"}");
  EXPECT_EQ(*plain_json(*text), *text);
  EXPECT_EQ(plain_json("{\"a\": ").status().code(), StatusCode::InvalidArgument);
}

TEST(JsonText, ChangesEveryStringAndNothingElse) {
  const auto value = parse_json(R"({"n": 1, "s": "x", "l": ["x", {"x": "y"}], "e": {}})");
  ASSERT_TRUE(value.ok());
  const Value changed =
      with_strings(*value, [](std::string_view text) { return "<" + std::string(text) + ">"; });
  EXPECT_EQ(json_text(changed),
            R"({"<n>": 1, "<s>": "<x>", "<l>": ["<x>", {"<x>": "<y>"}], "<e>": {}})");
}

}  // namespace
}  // namespace etb::prompt
