#include "token/json_reader.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace etb::token {
namespace {

JsonValue tree(std::string_view text) {
  JsonReader reader(text);
  JsonValue value;
  reader.read_value(value);
  EXPECT_TRUE(reader.finish()) << reader.status().to_string();
  return value;
}

std::string error_of(std::string_view text) {
  JsonReader reader(text);
  JsonValue value;
  reader.read_value(value);
  reader.finish();
  // Skipping must judge the same way.
  JsonReader skipping(text);
  skipping.skip_value();
  skipping.finish();
  EXPECT_EQ(reader.ok(), skipping.ok()) << text;
  return std::string(reader.status().message());
}

TEST(JsonReader, ReadsEveryKindOfValue) {
  const JsonValue value = tree(R"( {"a": [1, -2.5e1, true, null], "b": {"c": "d"}, "e": [] } )");
  ASSERT_EQ(value["a"].items.size(), 4u);
  EXPECT_EQ(value["a"].items[1].number, -25);
  EXPECT_TRUE(value["a"].items[2].boolean);
  EXPECT_TRUE(value["a"].items[3].is_null());
  EXPECT_EQ(value["b"]["c"].text, "d");
  EXPECT_EQ(value["e"].kind, JsonValue::Kind::Array);
  EXPECT_TRUE(value["none"]["of"]["these"].is_null());
  EXPECT_EQ(value["b"].shown(), "{...}");
}

TEST(JsonReader, Escapes) {
  EXPECT_EQ(tree(R"("\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00x")").text,
            "\"\\/\b\f\n\r\t\u00e9\U0001F600x");
  EXPECT_EQ(tree("\"plain \u00e9\"").text, "plain \u00e9");
}

// Strings are read eight bytes at a time: whatever ends or interrupts the plain part, and wherever.
TEST(JsonReader, StringsOfAnyLengthWithAnythingInThem) {
  const std::pair<std::string, std::string> inside[] = {{"x", "x"},
                                                        {"\\n", "\n"},
                                                        {"\\u00e9", "\u00e9"},
                                                        {"\u00e9", "\u00e9"},
                                                        {"\u00e9\u20ac", "\u00e9\u20ac"},
                                                        {"\U0001F600", "\U0001F600"},
                                                        {"\x7F", "\x7F"}};
  const std::string bad[] = {"\x01", "\x1F", "\xFF", "\xC3", "\xE2\x82", "\xC0\xAF", "\\q"};
  for (size_t before = 0; before < 20; ++before) {
    for (size_t behind = 0; behind < 20; ++behind) {
      const std::string left(before, 'a'), right(behind, 'b');
      for (const auto& [spelt, meant] : inside) {
        const std::string text = left + spelt + right;
        EXPECT_EQ(tree(concat('"', text, '"')).text, left + meant + right);
      }
      for (const std::string& broken : bad) {
        EXPECT_NE(error_of(concat("[\"", left, broken, right, "\"]")), "") << before << behind;
      }
    }
  }
  EXPECT_NE(error_of("\"0123456\xFF\"").find("at byte 8: a byte that is not UTF-8"),
            std::string::npos);
}

TEST(JsonReader, WalksWithoutATree) {
  JsonReader reader(
      R"({"vocab": {"a": 7, "\u0062": 8}, "skipped": [[{}], "x"], "merges": ["a b"]})");
  std::string seen;
  ASSERT_TRUE(reader.begin_object());
  for (std::string_view key; reader.next_key(key);) {
    seen += concat(key, ":");
    if (key == "vocab") {
      ASSERT_TRUE(reader.begin_object());
      for (std::string_view name; reader.next_key(name);) {
        seen += name;
        uint32_t id = 0;
        ASSERT_TRUE(reader.read_uint(id));
        seen += concat(id, ",");
      }
    } else {
      ASSERT_TRUE(reader.skip_value());
    }
  }
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(seen, "vocab:a7,b8,skipped:merges:");
}

TEST(JsonReader, BadTextIsRefusedWithItsPlace) {
  for (const char* text : {"",
                           "{",
                           "[1,]",
                           "[1 2]",
                           "{\"a\"}",
                           "{\"a\":1,}",
                           "nul",
                           "01",
                           "1.",
                           "-",
                           "1e",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "[1]]",
                           "\"\n\"",
                           "\"\xFF\"",
                           "1 1",
                           "+1",
                           "inf"}) {
    EXPECT_NE(error_of(text).find("bad JSON at byte "), std::string::npos) << text;
  }
  EXPECT_NE(error_of("[1, 2 3]").find("at byte 6"), std::string::npos);
}

TEST(JsonReader, DepthIsBounded) {
  const std::string fits = std::string(64, '[') + std::string(64, ']');
  EXPECT_EQ(error_of(fits), "");
  EXPECT_NE(error_of(std::string(100'000, '[')).find("deeper than 64"), std::string::npos);
}

TEST(JsonReader, NumbersThatAreNoIds) {
  for (const char* text : {"4294967296", "-1", "1.5", "1e3", "\"1\""}) {
    JsonReader reader(text);
    uint32_t id = 0;
    EXPECT_FALSE(reader.read_uint(id)) << text;
  }
}

TEST(JsonReader, AfterAnErrorNothingIsRead) {
  JsonReader reader("[1, x, 2]");
  double number = 0;
  ASSERT_TRUE(reader.begin_array() && reader.next_item() && reader.read_number(number));
  ASSERT_TRUE(reader.next_item());
  EXPECT_FALSE(reader.read_number(number));
  EXPECT_FALSE(reader.next_item());
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(reader.status().code(), StatusCode::Corrupt);
}

}  // namespace
}  // namespace etb::token
