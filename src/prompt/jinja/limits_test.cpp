// Hostile templates: whatever they do, they end in time and memory with a typed error.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/text.h"
#include "prompt/chat_template.h"
#include "prompt/json.h"

namespace etb::prompt {
namespace {

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

Status outcome(std::string_view text, const jinja::Limits& limits = {}) {
  const auto parsed = ChatTemplate::parse(text, limits);
  if (!parsed.ok()) return parsed.status();
  return parsed->render({.messages = {{"user", "hello"}}}).status();
}

// The error is typed, says which limit it was, and comes soon.
void expect_limit(std::string_view text, std::string_view what) {
  const auto start = std::chrono::steady_clock::now();
  const Status status = outcome(text);
  EXPECT_EQ(status.code(), StatusCode::Unsupported) << text.substr(0, 80) << status.to_string();
  EXPECT_NE(status.message().find(what), std::string_view::npos) << status.to_string();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30))
      << text.substr(0, 80);
}

TEST(Limits, LoopsWithoutEndRunOutOfSteps) {
  const std::string loop = "{% for i in range(100000) %}";
  expect_limit(loop + loop + "{% set x = i %}" + repeat("{% endfor %}", 2), "steps");
  expect_limit(
      "{% macro f(n) %}{% for i in range(1000) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endfor %}"
      "{% endmacro %}{{ f(20) }}",
      "steps");
}

TEST(Limits, EndlessRecursionIsCutOff) {
  expect_limit("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "levels of nested evaluation");
  expect_limit(
      "{% macro f() %}{% call g() %}{% endcall %}{% endmacro %}"
      "{% macro g() %}{{ f() }}{{ caller() }}{% endmacro %}{{ f() }}",
      "levels of nested evaluation");
  expect_limit("{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
               "levels of nested evaluation");
}

TEST(Limits, DeepSyntaxIsRefusedByTheParser) {
  for (const std::string& text :
       {repeat("(", 5000), "{{ " + repeat("(", 5000) + "1" + repeat(")", 5000) + " }}",
        "{{ " + repeat("[", 5000) + repeat("]", 5000) + " }}",
        "{{ " + repeat("{1:", 5000) + "1" + repeat("}", 5000) + " }}",
        "{{ " + repeat("not ", 5000) + "1 }}", "{{ " + repeat("- ", 5000) + "1 }}",
        "{{ " + repeat("a if b else ", 5000) + "1 }}", "{{ a" + repeat(".b", 5000) + " }}",
        "{{ a" + repeat("|trim", 5000) + " }}", "{{ a" + repeat("[0]", 5000) + " }}",
        "{{ a" + repeat("()", 5000) + " }}", repeat("{% if a %}", 5000),
        repeat("{% for a in b %}", 5000),
        "{% set " + repeat("(", 5000) + "a" + repeat(")", 5000) + " = 1 %}",
        "{{ " + repeat("f(", 5000) + repeat(")", 5000) + " }}",
        repeat("{% filter trim %}", 5000)}) {
    const auto parsed = ChatTemplate::parse(text);
    if (text[0] == '(') {
      EXPECT_TRUE(parsed.ok());  // plain text
    } else {
      EXPECT_EQ(parsed.status().code(), StatusCode::Unsupported) << text.substr(0, 30);
    }
  }
}

TEST(Limits, LongFlatSyntaxIsFine) {
  EXPECT_TRUE(outcome("{{ 1" + repeat(" + 1", 20000) + " }}").ok());
  EXPECT_TRUE(outcome("{{ 'a'" + repeat(" ~ 'a'", 5000) + " }}").ok());
  EXPECT_TRUE(outcome("{% if a %}" + repeat("{% elif b %}", 20000) + "{% endif %}").ok());
  EXPECT_TRUE(outcome("{{ a" + repeat(" or a", 20000) + " }}").ok());
}

TEST(Limits, StringsAndListsStaySmall) {
  expect_limit("{{ 'a' * 10**9 }}", "bytes in one string");
  expect_limit("{{ 'abc' * 9223372036854775807 }}", "bytes in one string");
  expect_limit("{{ [1] * 10**12 }}", "items in one list");
  expect_limit("{{ range(10**12) }}", "numbers in one range");
  expect_limit("{{ 'a'|center(10**10) }}", "bytes in one string");
  expect_limit("{{ 'a'.ljust(10**10) }}", "bytes in one string");
  expect_limit("{{ '%999999999d'|format(1) }}", "bytes in one string");
  expect_limit("{{ '{:999999999}'.format(1) }}", "bytes in one string");
  expect_limit("{{ 'a\\nb'|indent(10**10) }}", "bytes in one string");
  expect_limit("{{ [1]|tojson(indent=10**10) }}", "bytes in one string");
  expect_limit("{{ [1]|batch(10**10, 0)|list }}", "items in one list");
  expect_limit("{{ [1]|slice(10**10)|list }}", "items in one list");
  expect_limit("{% set x = 'ab' * 10**6 %}{{ x.replace('a', x) }}", "bytes in one string");
  expect_limit("{% set x = 'ab' * 10**6 %}{{ x|replace('', x) }}", "bytes in one string");
  expect_limit("{{ ('a ' * 5000000).split() }}", "items in one list");
  expect_limit("{{ ('\\n' * 5000000).splitlines() }}", "items in one list");
  expect_limit("{{ ('a' * 5000000)|list }}", "items in one list");
  expect_limit("{{ 'a\\tb'.expandtabs(10**12) }}", "bytes in one string");
}

TEST(Limits, DoublingRunsIntoALimit) {
  const auto doubling = [](std::string_view start, std::string_view step) {
    return concat("{% set ns = namespace(x=", start,
                  ") %}{% for i in range(100) %}{% set ns.x = ", step,
                  " %}{% endfor %}{{ ns.x|length }}");
  };
  expect_limit(doubling("'aa'", "ns.x + ns.x"), "bytes in one string");
  expect_limit(doubling("'aa'", "ns.x ~ ns.x"), "bytes in one string");
  expect_limit(doubling("[1]", "ns.x + ns.x"), "items in one list");
  // Shared parts: small in memory, huge when written out or compared.
  expect_limit(doubling("[]", "[ns.x, ns.x]") + "{{ ns.x }}", "");
  expect_limit(
      "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}{{ ns.x }}",
      "");
  expect_limit(
      "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}{{ ns.x|tojson }}",
      "");
  expect_limit(
      "{% set ns = namespace(x=1, y=1) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
      "steps");
  expect_limit(
      "{% set ns = namespace(x=1) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}"
      "{% endfor %}{{ {ns.x: 1} }}",
      "steps");
}

TEST(Limits, ValuesCannotNestWithoutEnd) {
  expect_limit(
      "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}"
      "{% endfor %}",
      "levels of nested values");
  expect_limit(
      "{% set ns = namespace(x=1) %}{% for i in range(100000) %}{% set ns.x = {'a': ns.x} %}"
      "{% endfor %}",
      "levels of nested values");
}

TEST(Limits, ManyValuesAtOnceAreTooMany) {
  expect_limit(
      "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}"
      "{% set ns.l = ns.l + ['x' * 1000000] %}{% endfor %}",
      "bytes of values");
}

TEST(Limits, OutputIsBounded) {
  expect_limit("{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{{ x }}{% endfor %}",
               "bytes of output");
  expect_limit(
      "{% set x = 'a' * 1000000 %}{% set y %}{% for i in range(100000) %}{{ x }}{% endfor %}"
      "{% endset %}",
      "bytes of output");
}

TEST(Limits, NamespacesMayHoldThemselves) {
  EXPECT_TRUE(
      outcome("{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns }}{{ ns == ns }}").ok());
  EXPECT_FALSE(outcome("{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns.me|tojson }}").ok());
}

TEST(Limits, LoopsAndMacrosOutliveTheirBlocks) {
  // What a template keeps of a finished loop is harmless.
  EXPECT_TRUE(outcome("{% set ns = namespace() %}{% for x in [1, 2] if x %}{% set ns.l = loop %}"
                      "{% endfor %}{{ ns.l.last }}{{ ns.l.length }}{{ ns.l.nextitem }}{{ ns.l }}")
                  .ok());
  EXPECT_FALSE(outcome("{% set ns = namespace() %}{% for x in [1] recursive %}{% set ns.l = loop %}"
                       "{% endfor %}{{ ns.l([1]) }}")
                   .ok());
  EXPECT_TRUE(
      outcome("{% set ns = namespace() %}{% for x in [1, 2] %}{% macro m() %}{{ x }}{% endmacro %}"
              "{% set ns.m = m %}{% endfor %}{{ ns.m() }}")
          .ok());
}

TEST(Limits, NamesOfArgumentsSurviveAGrowingTable) {
  std::string text = "{{ f(";
  for (int i = 0; i < 300; ++i) text += concat("a", i, "=b", i, ", ");
  EXPECT_EQ(outcome(text + ") }}").message(), "chat template, line 1: 'f' is undefined");
}

TEST(Limits, AreSetPerTemplate) {
  EXPECT_EQ(outcome("0123456789", {.template_bytes = 5}).code(), StatusCode::Unsupported);
  EXPECT_EQ(outcome("{{ 1 }}{{ 2 }}{{ 3 }}", {.steps = 3}).code(), StatusCode::Unsupported);
  EXPECT_EQ(outcome("0123456789", {.output_bytes = 5}).code(), StatusCode::Unsupported);
  EXPECT_EQ(outcome("{{ [[[[1]]]] }}", {.syntax_depth = 3}).code(), StatusCode::Unsupported);
}

TEST(Limits, ArithmeticNeverWrapsAround) {
  for (const std::string_view text :
       {"{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 2 ** 63 }}",
        "{{ 2 ** 10**18 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
        "{{ -(-9223372036854775807 - 1) }}", "{{ 3037000500 * 3037000500 }}", "{{ 10.0 ** 400 }}",
        "{{ (-9223372036854775807 - 1)|abs }}"}) {
    EXPECT_EQ(outcome(text).code(), StatusCode::InvalidArgument) << text;
  }
  EXPECT_TRUE(outcome("{{ (-9223372036854775807 - 1) % -1 }}{{ 1 ** 10**18 }}{{ "
                      "'abc'[::-9223372036854775807] }}"
                      "{{ range(9223372036854775800, 9223372036854775807, 5)|list }}")
                  .ok());
}

}  // namespace
}  // namespace etb::prompt
