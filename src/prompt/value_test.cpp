// Values as Python sees them: truth, equality, order, hashes, str and repr.
#include "prompt/value.h"

#include <gtest/gtest.h>

#include <random>

#include "prompt/jinja/runtime.h"
#include "prompt/jinja/to_json.h"
#include "prompt/json.h"
#include "prompt/unicode.h"

namespace etb::prompt {
namespace {

constexpr size_t kNoLimit = 1 << 20;

bool same(const Value& a, const Value& b) {
  Work work(1 << 20);
  return equal(a, b, work);
}

Value small_dict(std::string_view key, Value value) {
  Dict dict;
  dict.set(key, std::move(value));
  return Value::dict(std::move(dict));
}

TEST(Value, TruthIsPythons) {
  for (const Value& empty : {Value(), Value::none(), Value(false), Value(0), Value(0.0), Value(""),
                             Value::list({}), Value::tuple({}), Value::dict({})}) {
    EXPECT_FALSE(empty.truthy()) << empty.type_name();
  }
  for (const Value& full : {Value(true), Value(-1), Value(0.1), Value(" "), Value::list({Value()}),
                            small_dict("a", 1), Value::big_int("99999999999999999999")}) {
    EXPECT_TRUE(full.truthy()) << full.type_name();
  }
}

TEST(Value, NumbersAreEqualAcrossTypes) {
  EXPECT_TRUE(same(1, 1.0));
  EXPECT_TRUE(same(1, true));
  EXPECT_FALSE(same(1, "1"));
  EXPECT_FALSE(same(nullptr, false));
  EXPECT_TRUE(same(Value(), Value()));
  EXPECT_FALSE(same(Value::list({1}), Value::tuple({1})));
}

TEST(Value, DictionariesIgnoreOrderInEquality) {
  Dict a, b;
  a.set("x", 1);
  a.set("y", Value::list({2}));
  b.set("y", Value::list({2.0}));
  b.set("x", true);
  EXPECT_TRUE(same(Value::dict(std::move(a)), Value::dict(std::move(b))));
  EXPECT_FALSE(same(small_dict("x", 1), small_dict("x", 2)));
}

TEST(Value, OrderIsDefinedAmongLikes) {
  Work work(1000);
  bool comparable = true;
  EXPECT_EQ(compare("a", "b", work, comparable), -1);
  EXPECT_EQ(compare("é", "z", work, comparable), 1);  // by code point
  EXPECT_EQ(compare(2, 1.5, work, comparable), 1);
  EXPECT_EQ(compare(Value::list({1, 2}), Value::list({1, 2, 0}), work, comparable), -1);
  EXPECT_TRUE(comparable);
  compare("a", 1, work, comparable);
  EXPECT_FALSE(comparable);
}

TEST(Value, ReprIsPythons) {
  EXPECT_EQ(to_repr(Value::list({nullptr, true, 1, 2.0, "it's"}), kNoLimit),
            "[None, True, 1, 2.0, \"it's\"]");
  EXPECT_EQ(to_repr(Value::tuple({"a"}), kNoLimit), "('a',)");
  EXPECT_EQ(to_repr(small_dict("k", Value::tuple({})), kNoLimit), "{'k': ()}");
  EXPECT_EQ(to_repr("\n\t\\\x01\u00e9\u200b'\"", kNoLimit), "'\\n\\t\\\\\\x01é\\u200b\\'\"'");
  EXPECT_EQ(to_repr("\ufdd0\ufdd1\ufdd2", kNoLimit, {.open = 0xFDD0, .close = 0xFDD1}),
            "'\ufdd0\ufdd1\\ufdd2'");
  EXPECT_EQ(to_text("plain", kNoLimit), "plain");
  EXPECT_EQ(to_text(Value(), kNoLimit), "");
}

TEST(Value, FloatsAreWrittenAsPythonWritesThem) {
  const std::pair<double, std::string_view> kCases[] = {
      {1.0, "1.0"},       {0.1, "0.1"},
      {1e16, "1e+16"},    {1e15, "1000000000000000.0"},
      {1e-4, "0.0001"},   {1e-5, "1e-05"},
      {-0.0, "-0.0"},     {1.5e300, "1.5e+300"},
      {5e-324, "5e-324"}, {123456.789, "123456.789"}};
  for (const auto& [value, text] : kCases) EXPECT_EQ(float_repr(value), text);
}

TEST(Value, TextIsCutOffBeyondItsLimit) {
  const Value list = Value::list(std::vector<Value>(1000, Value("0123456789")));
  EXPECT_LT(to_repr(list, 100).size(), 200u);
  EXPECT_GT(to_repr(list, 100).size(), 100u);
}

TEST(Dict, KeepsOrderAndReplacesValues) {
  Dict dict;
  for (int i = 0; i < 1000; ++i) dict.set(std::to_string(i % 500), i);
  ASSERT_EQ(dict.size(), 500u);
  EXPECT_EQ(dict.entries()[7].first.text(), "7");
  EXPECT_EQ(dict.find("7")->integer(), 507);
  EXPECT_EQ(dict.find("500"), nullptr);
}

TEST(Dict, EqualNumbersAreOneKey) {
  Work work(1000);
  Dict dict;
  dict.set(1, "int", work);
  dict.set(1.0, "float", work);
  dict.set(true, "bool", work);
  EXPECT_EQ(dict.size(), 1u);
  EXPECT_EQ(dict.find(1, work)->text(), "bool");
  EXPECT_FALSE(hashable(Value::tuple({Value::list({})}), work));
  EXPECT_TRUE(hashable(Value::tuple({1, "a"}), work));
}

TEST(Work, EndsForGood) {
  Work work(2);
  EXPECT_TRUE(work.spend(2));
  EXPECT_FALSE(work.spend(1));
  EXPECT_FALSE(work.spend(0));
  EXPECT_TRUE(work.exhausted());
}

TEST(MemoryMeter, CountsWhatIsHeld) {
  const jinja::Limits limits;
  jinja::Runtime runtime(limits, std::nullopt);
  const uint64_t before = runtime.meter().live;
  {
    const Value held = runtime.list({runtime.string(std::string(1000, 'x')), 1});
    EXPECT_GE(runtime.meter().live, before + 1000);
  }
  EXPECT_EQ(runtime.meter().live, before);
}

// Seeded: the same values in every run.
class RandomValues {
 public:
  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }

  std::string text() {
    std::string out;
    for (int64_t i = pick(0, 12); i > 0; --i) {
      append_code_point(
          out, static_cast<char32_t>(pick(0, 3) > 0 ? pick(0, 127) : pick(0xE000, 0x10FFFF)));
    }
    return out;
  }

  // What JSON can hold.
  Value value(int depth) {
    const int64_t kind = pick(0, depth > 0 ? 6 : 4);
    switch (kind) {
      case 0:
        return nullptr;
      case 1:
        return pick(0, 1) == 1;
      case 2:
        return pick(INT64_MIN, INT64_MAX);
      case 3:
        return static_cast<double>(pick(-1'000'000, 1'000'000)) / 128;
      case 4:
        return text();
      default:
        break;
    }
    std::vector<Value> items;
    Dict dict;
    for (int64_t i = pick(0, 20); i > 0; --i) {
      items.push_back(value(depth - 1));
      dict.set(text(), items.back());
    }
    return kind == 5 ? Value::list(std::move(items)) : Value::dict(std::move(dict));
  }

 private:
  std::mt19937_64 engine_{7};
};

TEST(Json, WrittenValuesReadBackEqual) {
  const jinja::Limits limits;
  RandomValues random;
  for (int run = 0; run < 300; ++run) {
    jinja::Runtime runtime(limits, std::nullopt);
    const Value value = random.value(3);
    jinja::JsonStyle style;
    style.ensure_ascii = random.pick(0, 1) == 1;
    if (random.pick(0, 1) == 1) style.indent = "  ";
    const std::string text = jinja::to_json(runtime, value, style);
    const Result<Value> back = parse_json(text);
    ASSERT_TRUE(back.ok()) << text << back.status().to_string();
    ASSERT_TRUE(same(*back, value)) << text;
  }
}

TEST(Json, KeepsWhatPythonWouldKeep) {
  const auto value =
      parse_json(R"({"b": 1, "a": 2, "b": 3, "n": 123456789012345678901234567890, "f": 1.0})");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(to_repr(*value, kNoLimit),
            "{'b': 3, 'a': 2, 'n': 123456789012345678901234567890, 'f': 1.0}");
}

TEST(Json, RefusesBadText) {
  for (const std::string_view bad :
       {"", "{", "[1,]", "nul", "\"\xFF\"", "1 2", "{\"a\" 1}", "\"\\ud800\""}) {
    EXPECT_EQ(parse_json(bad).status().code(), StatusCode::Corrupt) << bad;
  }
  EXPECT_EQ(parse_json(std::string(100000, '[')).status().code(), StatusCode::Unsupported);
}

}  // namespace
}  // namespace etb::prompt
