// One call in each form, there and back; what breaks its form; texts that a declaration makes
// something else of.
#include "engine/call_body.h"

#include <gtest/gtest.h>

#include "prompt/json.h"

namespace etb {
namespace {

using prompt::Value;

const family::CallFormat& form(std::string_view chat_template) {
  return *family::find_calls(chat_template, {.has_token = [](std::string_view) { return false; }});
}
const family::CallFormat& named() {
  return form("[TOOL_CALLS] [ARGS]");
}
const family::CallFormat& tagged() {
  return form("<tool_call> <function=");
}

std::vector<ToolCall> read(std::string_view body, const family::CallFormat& format,
                           const std::string& tools = "[]") {
  return read_calls(body, format, prompt::parse_json(tools).value());
}

using Calls = std::vector<ToolCall>;

TEST(CallBody, WithItsNameBeforeTheJson) {
  EXPECT_EQ(read(R"(say[ARGS]{"a": "[ARGS]"})", named()),
            (Calls{{"", "say", R"({"a": "[ARGS]"})"}}));
  EXPECT_EQ(read("say[CALL_ID]abc123XYZ[ARGS] {}", named()), (Calls{{"abc123XYZ", "say", "{}"}}));
  for (const char* const body :
       {"", "say", "say{}", "[ARGS]{}", "[CALL_ID]x[ARGS]{}", "say[ARGS]", "say[ARGS][]",
        "say[ARGS]{\"a\": tru}", "say[ARGS]{} x", R"({"name": "say", "arguments": {}})"}) {
    EXPECT_TRUE(read(body, named()).empty()) << body;
  }
}

TEST(CallBody, InTags) {
  EXPECT_EQ(read("<function=say></function>", tagged()), (Calls{{"", "say", "{}"}}));
  const std::string body =
      "<function=say>\n<parameter=a b>\n1 < 2\n</parameter>\n<parameter=c>x</parameter>\n"
      "<parameter=d>\n\n</parameter></function>";
  EXPECT_EQ(read(body, tagged()), (Calls{{"", "say", R"({"a b": "1 < 2", "c": "x", "d": ""})"}}));
  for (const char* const broken :
       {"", "say", "<function=>", "<function=></function>", "<function=say>",
        "<function=say></function> x", "<function=say><parameter=a>1</function>",
        "<function=say><parameter=>1</parameter></function>",
        "<function=say><parameter=a>1</parameter>x</function>", "{\"name\": \"say\"}"}) {
    EXPECT_TRUE(read(broken, tagged()).empty()) << broken;
  }
}

// `type` as a schema has it, then what a text becomes under it.
std::string typed(const std::string& type, const std::string& text) {
  const std::string tools =
      R"([{"type": "function", "function": {"name": "other"}}, {"name": "say", "parameters":
         {"properties": {"a": )" +
      type + R"(, "b": {"type": "integer"}}}}, 3])";
  const auto calls =
      read("<function=say><parameter=a>\n" + text + "\n</parameter></function>", tagged(), tools);
  return calls.size() == 1 ? calls[0].arguments : "";
}

TEST(CallBody, AValueInTagsIsWhatItsDeclarationSays) {
  const auto becomes = [](std::string type, std::string text, const std::string& json) {
    EXPECT_EQ(typed(type, text), R"({"a": )" + json + "}") << type << " " << text;
  };
  becomes(R"({"type": "string"})", "12", R"("12")");
  becomes("{}", "12", R"("12")");
  becomes("7", "12", R"("12")");
  becomes(R"({"type": "integer"})", "12", "12");
  becomes(R"({"type": "integer"})", "123456789012345678901234567890",
          "123456789012345678901234567890");
  becomes(R"({"type": "number"})", "-0.5", "-0.5");
  becomes(R"({"type": "boolean"})", "true", "true");
  becomes(R"({"type": "boolean"})", "False", "false");
  becomes(R"({"type": ["integer", "null"]})", "None", "null");
  becomes(R"({"anyOf": [{"type": "array"}, {"oneOf": [{"type": "null"}]}]})", "null", "null");
  becomes(R"({"anyOf": [{"type": "array"}, {"type": "null"}]})", R"(["x", 1])", R"(["x", 1])");
  becomes(R"({"type": "object"})", R"({"x": {}})", R"({"x": {}})");
  // What is not what it should be stays the text that it is.
  becomes(R"({"type": "integer"})", "twelve", R"("twelve")");
  becomes(R"({"type": "integer"})", "true", R"("true")");
  becomes(R"({"type": "boolean"})", "truely", R"("truely")");
  becomes(R"({"type": "array"})", R"({"x": 1})", R"("{\"x\": 1}")");
  becomes(R"({"type": "object"})", "[1]", R"("[1]")");
}

TEST(CallBody, IsWrittenAsItIsRead) {
  const std::string arguments = R"({"text": "a\n</b>", "n": 3, "list": [true, null], "empty": {}})";
  const std::string tools =
      R"([{"name": "say", "parameters": {"properties": {"n": {"type": "number"},
          "list": {"type": "array"}, "empty": {"type": "object"}}}}])";
  prompt::Dict function;
  function.set("name", Value("say"));
  function.set("arguments", prompt::parse_json(arguments).value());
  for (const char* const told : {"<tool_call>", "<tool_call> <function=", "[TOOL_CALLS]",
                                 "[TOOL_CALLS] [ARGS]", "<|tool_call|>", "<|python_tag|>"}) {
    const std::string body = body_of(function, form(told));
    EXPECT_EQ(read(body, form(told), tools), (Calls{{"", "say", arguments}})) << body;
  }
  EXPECT_EQ(body_of({}, named()), "[ARGS]{}");
}

}  // namespace
}  // namespace etb
