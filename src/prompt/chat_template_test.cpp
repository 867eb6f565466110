// The public face: parse once, render from any thread; refusals, errors that name their line.
#include "prompt/chat_template.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/text.h"
#include "prompt/json.h"
#include "prompt/render_line.h"

namespace etb::prompt {
namespace {

constexpr std::string_view kChatMl =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}";

ChatTemplate parse(std::string_view text) {
  auto parsed = ChatTemplate::parse(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  return parsed.ok() ? *parsed : *ChatTemplate::parse("");
}

std::string render(std::string_view text, const RenderInput& input = {}) {
  const auto prompt = parse(text).render(input);
  return prompt.ok() ? *prompt : prompt.status().to_string();
}

std::string syntax_error(std::string_view text) {
  const auto parsed = ChatTemplate::parse(text);
  EXPECT_FALSE(parsed.ok()) << text;
  return parsed.status().to_string();
}

TEST(ChatTemplate, SeesReasoningWhereThereIsSome) {
  EXPECT_EQ(render("{% for m in messages %}[{{ m.reasoning_content is defined }}{{ "
                   "m.reasoning_content }}]{% endfor %}",
                   {.messages = {{.role = "user", .content = "Hi"},
                                 {.role = "assistant", .content = "Yes", .reasoning = "Hm"}}}),
            "[False][TrueHm]");
}

TEST(ChatTemplate, EscapesLeaveMarksAlone) {
  const std::string text =
      "{{ messages[0].content|tojson(ensure_ascii=true) }}{{ [messages[0].content] }}"
      "{{ messages[0].content|urlencode }}";
  RenderInput input{.messages = {{.role = "user", .content = "\uFDD0\u20AC\uFDD1"}}};
  EXPECT_EQ(render(text, input),
            "\"\\ufdd0\\u20ac\\ufdd1\"['\\ufdd0\u20AC\\ufdd1']%EF%B7%90%E2%82%AC%EF%B7%91");
  input.marks = {.open = 0xFDD0, .close = 0xFDD1};
  EXPECT_EQ(render(text, input),
            "\"\uFDD0\\u20ac\uFDD1\"['\uFDD0\u20AC\uFDD1']\uFDD0%E2%82%AC\uFDD1");
}

TEST(ChatTemplate, SeesTheFurtherFieldsOfAMessage) {
  const std::string text =
      "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.name }}("
      "{{ c.function.arguments|tojson }}){% endfor %}{{ m.name }}{% endfor %}";
  const auto with = [&](std::string fields) {
    return render(
        text, {.messages = {{.role = "assistant", .content = "", .fields = std::move(fields)}}});
  };
  EXPECT_EQ(with(R"({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]})"),
            "f({\"a\": 1})");
  EXPECT_EQ(with(R"({"name": "n"})"), "n");
  EXPECT_NE(with("[1]").find("JSON object"), std::string::npos);
  EXPECT_NE(with("{").find("bad JSON"), std::string::npos) << with("{");
}

TEST(ChatTemplate, RendersMessages) {
  EXPECT_EQ(render(kChatMl, {.messages = {{"system", "Be brief."}, {"user", "Hi"}},
                             .add_generation_prompt = true}),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(ChatTemplate, NeverSeesThatAMessageIsPinned) {
  EXPECT_EQ(render("{{ messages[0] }}{{ messages[0].pinned is defined }}",
                   {.messages = {{"user", "Hi", true}}}),
            "{'role': 'user', 'content': 'Hi'}False");
}

TEST(ChatTemplate, UserTextIsNeverRead) {
  EXPECT_EQ(render("{{ messages[0].content }}", {.messages = {{"user", "{{ 1 }}{% if %}{#"}}}),
            "{{ 1 }}{% if %}{#");
}

TEST(ChatTemplate, TokensMayBeMissing) {
  EXPECT_EQ(render("[{{ bos_token }}]{{ bos_token is defined }}"), "[]False");
  EXPECT_EQ(render("[{{ bos_token }}{{ eos_token }}]", {.bos_token = "<s>", .eos_token = "</s>"}),
            "[<s></s>]");
}

TEST(ChatTemplate, TheCallerGivesTheTime) {
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y') }}", {.now_seconds = 1'795'435'200}),
            "23 Nov 2026");
  EXPECT_EQ(render("{{ strftime_now is defined }}"), "False");
}

TEST(ChatTemplate, ValuesStandInForMessages) {
  const auto values =
      parse_json(R"([{"role": "user", "content": [{"type": "text", "text": "x"}]}])");
  ASSERT_TRUE(values.ok());
  Dict vars;
  vars.set("extra", 3);
  EXPECT_EQ(render("{{ messages[0].content[0].text }}{{ extra }}{{ tools is none }}",
                   {.message_values = *values, .vars = Value::dict(std::move(vars))}),
            "x3True");
}

TEST(ChatTemplate, ARefusalIsRecognised) {
  const auto refused = parse("{{ raise_exception('Roles must alternate') }}").render({});
  EXPECT_EQ(refused.status().code(), StatusCode::InvalidArgument);
  std::string message;
  EXPECT_TRUE(ChatTemplate::is_refusal(refused.status(), &message));
  EXPECT_EQ(message, "Roles must alternate");
  EXPECT_FALSE(ChatTemplate::is_refusal(parse("{{ x.y }}").render({}).status()));
}

TEST(ChatTemplate, ErrorsNameTheirLine) {
  EXPECT_EQ(render("\n\n{{ x.y }}"), "InvalidArgument: chat template, line 3: 'x' is undefined");
  EXPECT_EQ(render("\n{{ messages.zz + 'a' }}"),
            "InvalidArgument: chat template, line 2: 'list object' has no attribute 'zz'");
  EXPECT_EQ(
      render("{{ 1 + 'a' }}"),
      "InvalidArgument: chat template, line 1: unsupported operand types for +: 'int' and 'str'");
}

TEST(ChatTemplate, SyntaxErrorsNameTheirLine) {
  EXPECT_EQ(syntax_error("a\n{% nope %}"), "Corrupt: chat template, line 2: unknown tag 'nope'");
  EXPECT_EQ(syntax_error("\n\n{{ 1 + }}"),
            "Corrupt: chat template, line 3: expected an expression, got ''");
  EXPECT_EQ(syntax_error("{% if x %}\n\n"),
            "Corrupt: chat template, line 2: the template ends before 'endif'");
  EXPECT_EQ(syntax_error("{{ x|nofilter }}"),
            "Corrupt: chat template, line 1: there is no filter 'nofilter'");
  EXPECT_EQ(syntax_error("{{ 'abc }}"),
            "Corrupt: chat template, line 1: a string has no end; close its quotes");
  EXPECT_EQ(
      syntax_error("{% include 'x' %}"),
      "Unsupported: chat template, line 1: the tag 'include' is not supported: a chat template is "
      "one file");
  EXPECT_EQ(syntax_error("{# open"),
            "Corrupt: chat template, line 1: a comment has no end; write '#}' after it");
}

TEST(ChatTemplate, BytesThatAreNoUtf8PassThrough) {
  EXPECT_EQ(
      render("\xFF{{ '\xC3' ~ messages[0].content|trim }}", {.messages = {{"user", " \xE2\x82 "}}}),
      "\xFF\xC3\xE2\x82");
  EXPECT_EQ(render("{{ '\xFF\xC3'|length }}{{ 'a\xFF'[1] }}{{ 'a\xFF'|upper }}"),
            "2\xFF"
            "A\xFF");
}

TEST(ChatTemplate, ManyThreadsRenderAtOnce) {
  const ChatTemplate shared = parse(kChatMl);
  std::vector<std::thread> threads;
  std::vector<std::string> prompts(4);
  for (size_t i = 0; i < prompts.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 200; ++n) {
        prompts[i] = shared.render({.messages = {{"user", std::to_string(i)}}}).value();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_EQ(prompts[i], concat("<|im_start|>user\n", i, "<|im_end|>\n"));
  }
}

TEST(ChatTemplate, TwentyMessagesTakeFarLessThanAMillisecond) {
  const ChatTemplate shared = parse(kChatMl);
  RenderInput input{.add_generation_prompt = true};
  for (int i = 0; i < 20; ++i) {
    input.messages.push_back({i % 2 == 0 ? "user" : "assistant", std::string(200, 'x')});
  }
  constexpr int kRuns = 200;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRuns; ++i) ASSERT_TRUE(shared.render(input).ok());
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
  RecordProperty("microseconds_per_render", std::to_string(spent.count() / kRuns));
  std::cout << "20 messages: " << spent.count() / kRuns << " us a render\n";
  EXPECT_LT(spent.count() / kRuns, 20'000);  // leaves room for sanitizers and emulators
}

TEST(RenderLine, AnswersEveryLineWithOneObject) {
  const ChatTemplate shared = parse("{{ bos_token }}{{ messages[0].content }}{{ x }}");
  const RenderDefaults defaults{.bos_token = "<s>"};
  EXPECT_EQ(render_json_line(shared, R"({"messages": [{"content": "a\"\né"}], "vars": {"x": 1}})",
                             defaults),
            R"({"prompt": "<s>a\"\né1"})");
  EXPECT_EQ(
      render_json_line(shared, R"({"messages": [{"content": ""}], "bos_token": "B"})", defaults),
      R"({"prompt": "B"})");
  for (const std::string_view bad :
       {"", "x", "[]", "{}", R"({"messages": 1})", R"({"messages": [], "vars": 1})",
        R"({"messages": [], "bos_token": 1})", R"({"messages": [], "add_generation_prompt": 1})",
        "{\"messages\": [\"\xFF\"]}"}) {
    const auto answer = parse_json(render_json_line(shared, bad, defaults));
    ASSERT_TRUE(answer.ok()) << bad;
    EXPECT_TRUE(answer->dict().find("error")) << bad;
  }
}

}  // namespace
}  // namespace etb::prompt
