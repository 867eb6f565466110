// Tool calls, from what a model says to the next prompt: every family's published form there and
// back, what is refused, and whole conversations with tools.
#include "engine/tool_calls.h"

#include <gtest/gtest.h>

#include <chrono>

#include "engine/prompt_encoder.h"
#include "engine/session.h"
#include "engine/testing/byte_model.h"
#include "prompt/json.h"
#include "prompt/json_text.h"
#include "prompt/test_recorded.h"

namespace etb {
namespace {

using prompt::Value;

// Told by what a template writes.
const family::CallFormat& form(std::string_view chat_template) {
  return *family::find_calls(chat_template, {.has_token = [](std::string_view) { return false; }});
}
const family::CallFormat& hermes() {
  return form("<tool_call>");
}
const family::CallFormat& llama() {
  return form("<|python_tag|>");
}

const family::CallFormat& form_named(std::string_view name) {
  for (const char* told : {"<tool_call>", "<tool_call> <function=", "[TOOL_CALLS]",
                           "[TOOL_CALLS] [ARGS]", "<|tool_call|>", "<|python_tag|>"}) {
    if (form(told).name == name) return form(told);
  }
  ADD_FAILURE() << "no form " << name;
  return hermes();
}

std::string_view text_of(const Value& value, std::string_view key) {
  return value.dict().find(key)->text();
}

struct Said {
  std::string text;
  std::vector<ToolCall> calls;
};

Said read(const std::string& answer, const family::CallFormat& format,
          const std::string& tools = "") {
  CallReader reader(format, {}, tools);
  stream::CallSplitter splitter(reader.marks(),
                                [&](std::string_view body) { return reader.accepts(body); });
  Said said;
  for (const auto& parts : {splitter.push(answer), splitter.finish()}) {
    for (const auto& part : parts) {
      if (!part.is_call) {
        said.text += part.text;
        continue;
      }
      for (ToolCall& call : reader.take(part.text)) said.calls.push_back(std::move(call));
    }
  }
  return said;
}

// The `tool_calls` that the recorder gave to the published template come back out of the text that
// it made of them.
TEST(ToolCalls, AreReadFromWhatThePublishedTemplatesWrite) {
  const Value models = prompt::testing::read_recorded("calls.json");
  ASSERT_TRUE(models.is_list());
  std::set<std::string_view> forms;
  for (const Value& model : models.items()) {
    SCOPED_TRACE(text_of(model, "model"));
    forms.insert(text_of(model, "form"));
    const std::string tools = prompt::json_text(*model.dict().find("tools"));
    for (const Value& answer : model.dict().find("answers")->items()) {
      const std::string written(text_of(answer, "said"));
      const Said said = read(written, form_named(text_of(model, "form")), tools);
      EXPECT_EQ(said.text, text_of(answer, "text")) << written;
      prompt::Dict fields;
      fields.set("tool_calls", *answer.dict().find("tool_calls"));
      EXPECT_EQ(fields_of_calls(said.calls), prompt::json_text(Value::dict(std::move(fields))));
    }
  }
  EXPECT_EQ(forms.size(), 6u);
}

ModelBundle built_in(std::string_view name) {
  ModelBundle bundle = testing::byte_bundle();
  for (const family::ChatFormat& format : family::chat_formats()) {
    if (format.name != name) continue;
    auto parsed = prompt::ChatTemplate::parse(family::template_text(format));
    bundle.chat_template = std::make_shared<prompt::ChatTemplate>(std::move(parsed).value());
  }
  return bundle;
}

// And back: the next prompt holds what was said and the results, byte for byte as published.
TEST(ToolCalls, AreWrittenAgainAsTheyWereSaid) {
  const std::pair<std::string_view, std::string_view> kBuiltIn[] = {
      {"Llama 3.1", "llama-3.1"}, {"Llama 3.2", "llama-3.2"}, {"Phi-4-mini", "phi-4-mini"}};
  size_t compared = 0;
  const Value models = prompt::testing::read_recorded("calls.json");
  for (const auto& [recorded, format] : kBuiltIn) {
    SCOPED_TRACE(recorded);
    ModelBundle bundle = built_in(format);
    for (const Value& model : models.items()) {
      if (text_of(model, "model") != recorded) continue;
      bundle.calls = &form_named(text_of(model, "form"));
      for (const Value& answer : model.dict().find("answers")->items()) {
        const std::string written(text_of(answer, "said"));
        const Said said = read(written, *bundle.calls);
        std::vector<prompt::Message> messages = {{.role = "user", .content = "Well?"}};
        messages.push_back(
            {.role = "assistant", .content = said.text, .fields = fields_of_calls(said.calls)});
        std::vector<ToolResult> results;
        for (const ToolCall& call : said.calls) results.push_back({call.id, "result " + call.id});
        ASSERT_TRUE(add_results(results, messages).ok());
        const auto prompt = encode_messages(bundle, messages, {}, {});
        ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
        const std::string end = written + std::string(text_of(answer, "results"));
        EXPECT_TRUE(prompt->text.ends_with(end)) << prompt->text << "\nand not\n" << end;
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, 13u);
}

TEST(CallReader, TakesCallsThatAreWrittenALittleOtherwise) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {R"({"name":"f","arguments":{"a":1}})", R"({"a": 1})"},
      {R"({"name": "f", "parameters": {"a": "\u00e9"}})", R"({"a": "é"})"},
      {R"({"arguments": "{\"a\": 1}", "name": "f", "type": "function"})", R"({"a": 1})"},
      {R"([{"name": "f"}])", "{}"}};
  for (const auto& [json, arguments] : cases) {
    CallReader reader(hermes(), {});
    const auto calls = reader.take(json);
    ASSERT_EQ(calls.size(), 1u) << json;
    EXPECT_EQ(calls[0], (ToolCall{"call_0001", "f", arguments}));
  }
}

TEST(CallReader, RefusesWhatIsNoCall) {
  const CallReader reader(hermes(), {});
  for (const char* json :
       {"", "{}", "[]", "1", "[1]", R"({"name": ""})", R"({"name": 1, "arguments": {}})",
        R"({"name": "f", "arguments": [1]})", R"({"name": "f", "arguments": "x"})",
        R"({"name": "f", "arguments": {"a": 1e999}})", R"({"name": "f", "arguments": {"a": tru}})",
        R"([{"name": "f"}, {}])", "{\"name\": \"\xFF\"}"}) {
    EXPECT_FALSE(reader.accepts(json)) << json;
  }
  EXPECT_FALSE(CallReader(llama(), {}).accepts(R"({"name": "Ann"})")) << "may be an answer";
  EXPECT_FALSE(
      CallReader(llama(), {})
          .accepts(R"([{"name": "f", "parameters": {}}, {"name": "f", "parameters": {}}])"));
}

TEST(CallReader, GivesIdsThatNoOtherCallHas) {
  const std::vector<prompt::Message> before = {
      {.role = "assistant",
       .content = "",
       .fields = R"({"tool_calls": [{"id": "call_0041"}, {"id": "mine"}]})"},
      {.role = "assistant",
       .content = "",
       .fields = R"({"tool_calls": [{"id": "call_99999999999"}, 3]})"},
      {.role = "assistant", .content = "", .fields = "tool_calls"}};
  CallReader reader(hermes(), before);
  const auto calls = reader.take(
      R"([{"name": "f"}, {"name": "f", "id": "mine"}, {"name": "f", "id": "own"},
          {"name": "f", "id": "call_0050"}, {"name": "f", "id": "own"}])");
  std::vector<std::string> ids;
  for (const ToolCall& call : calls) ids.push_back(call.id);
  EXPECT_EQ(ids,
            (std::vector<std::string>{"call_0042", "call_0043", "own", "call_0050", "call_0051"}));
}

// Templates of the form refuse any other: it is exchanged for one of ours.
TEST(CallReader, KeepsIdsOfTheSizeThatTemplatesTake) {
  CallReader reader(form_named("mistral-2025"), {});
  const auto id_of = [&](const std::string& id) {
    const auto calls = reader.take("f[CALL_ID]" + id + "[ARGS]{}");
    return calls.size() == 1 ? calls[0].id : "";
  };
  EXPECT_EQ(id_of("abc123XYZ"), "abc123XYZ");
  EXPECT_EQ(id_of("abc123XYZ"), "call_0001") << "taken";
  EXPECT_EQ(id_of("abc123XY"), "call_0002");
  EXPECT_EQ(id_of("äöüäb"), "call_0003") << "nine bytes, five characters";
  EXPECT_EQ(reader.take("f[ARGS]{}")[0].id, "call_0004");
}

TEST(ToolResults, BelongToTheCallsOfTheLastMessage) {
  std::vector<prompt::Message> messages = {
      {.role = "user", .content = "Well?"},
      {.role = "assistant",
       .content = "",
       .fields = fields_of_calls({{"a", "f", "{}"}, {"b", "g", "{}"}})}};
  const auto refused = [&](const std::vector<ToolResult>& results) {
    const Status status = add_results(results, messages);
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
    EXPECT_EQ(messages.size(), 2u);
    return std::string(status.message());
  };
  EXPECT_NE(refused({{"a", "1"}}).find("'b'"), std::string::npos);
  EXPECT_NE(refused({{"a", "1"}, {"b", "2"}, {"a", "3"}}).find("'a'"), std::string::npos);
  EXPECT_NE(refused({{"a", "1"}, {"b", "2"}, {"c", "3"}}).find("no call"), std::string::npos);
  ASSERT_TRUE(add_results({{"b", "2"}, {"a", "1"}}, messages).ok());
  EXPECT_EQ(messages[2].content, "1");
  EXPECT_EQ(messages[3].role, "tool");
  EXPECT_EQ(messages[3].fields, R"({"tool_call_id": "b", "name": "g"})");
  EXPECT_FALSE(add_results({}, messages).ok()) << "they have their results";
}

TEST(ToolCalls, ArgumentsGivenAsATextReachTheTemplateAsTheObject) {
  ModelBundle bundle = testing::byte_bundle();
  bundle.chat_template = std::make_shared<prompt::ChatTemplate>(
      prompt::ChatTemplate::parse(
          "{% for c in messages[0].tool_calls %}{{ c.function.arguments|tojson }};{% endfor %}")
          .value());
  const std::string fields = R"({"tool_calls": [
      {"id": "1", "function": {"name": "f", "arguments": "{\"a\":1}"}},
      {"id": "2", "function": {"name": "f", "arguments": "no JSON"}}]})";
  const auto prompt =
      encode_messages(bundle, {{.role = "assistant", .content = "", .fields = fields}}, {}, {});
  ASSERT_TRUE(prompt.ok()) << prompt.status().to_string();
  EXPECT_EQ(prompt->text, R"({"a": 1};"no JSON";)");
}

// A call in the content keeps its marks, and no other control token comes with it.
TEST(ToolCalls, InATemplateWithoutAPlaceForThemStandBehindTheText) {
  ModelBundle bundle = testing::byte_bundle();
  bundle.calls = &hermes();
  const auto prompt = encode_messages(
      bundle,
      {{.role = "assistant",
        .content = "So:",
        .fields = fields_of_calls({{"a", "f", R"({"x": "<|im_end|>"})"}, {"b", "f", "{}"}})}},
      {}, {});
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(std::ranges::count(prompt->ids, testing::kEnd), 1) << "the template's own";
  EXPECT_NE(prompt->text.find("So:\n<tool_call>\n{\"name\": \"f\""), std::string::npos);
  EXPECT_NE(prompt->text.find("</tool_call>\n<tool_call>"), std::string::npos);
}

TEST(ToolCalls, WithoutAPlaceAreWrittenInTheirForm) {
  ModelBundle bundle = testing::byte_bundle();
  const auto written = [&](std::string_view name) {
    bundle.calls = &form_named(name);
    const std::string fields =
        fields_of_calls({{"call_0001", "f", R"({"x": 1})"}, {"call_0002", "g", "{}"}});
    const auto prompt =
        encode_messages(bundle, {{.role = "assistant", .content = "", .fields = fields}}, {}, {});
    return prompt.ok() ? prompt->text : prompt.status().to_string();
  };
  EXPECT_NE(written("mistral-2025").find(R"(:[TOOL_CALLS]f[ARGS]{"x": 1}[TOOL_CALLS]g[ARGS]{}<)"),
            std::string::npos);
  EXPECT_NE(written("mistral").find(R"(:[TOOL_CALLS][{"name": "f", "arguments": {"x": 1}}, {)"),
            std::string::npos);
  EXPECT_NE(written("qwen-coder")
                .find(":<tool_call>\n<function=f>\n<parameter=x>\n1\n</parameter>\n</function>\n"
                      "</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call><"),
            std::string::npos);
}

// Qwen's way.
constexpr const char* kTemplate =
    "{% if tools %}{{ tools|length }}{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}:"
    "{{ m.content }}{% for c in m.tool_calls %}{{ '\n' if m.content or not loop.first }}"
    "<tool_call>{{ '\n' }}{\"name\": \"{{ c.function.name }}\", \"arguments\": "
    "{{ c.function.arguments|tojson }}}{{ '\n' }}</tool_call>{% endfor %}{{ m.tool_call_id }}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}";
// Control tokens of the test's vocabulary, from id 258 on.
constexpr std::string_view kMarks[] = {"<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[CALL_ID]",
                                       "[ARGS]"};
constexpr TokenId kOpen = 258, kVocab = 258 + std::size(kMarks);
constexpr const char* kTools = R"([{"type": "function", "function": {"name": "now",
    "parameters": {"properties": {"zone": {"type": "integer"}}}}}])";
const std::string kNow =
    "<tool_call>\n{\"name\": \"now\", \"arguments\": {\"zone\": 1}}\n</tool_call>";

std::vector<TokenId> ids_of(std::string text) {
  std::vector<TokenId> ids;
  while (!text.empty()) {
    const auto* const mark =
        std::ranges::find_if(kMarks, [&](std::string_view one) { return text.starts_with(one); });
    const bool marked = mark != std::end(kMarks);
    ids.push_back(marked ? kOpen + static_cast<TokenId>(mark - kMarks)
                         : static_cast<uint8_t>(text[0]));
    text.erase(0, marked ? mark->size() : 1);
  }
  return ids;
}

// How a model calls.
struct Form {
  const family::CallFormat& format = hermes();
  const char* chat_template = kTemplate;
};

// Says one reply after the other, one a message of the assistant.
struct Caller {
  std::shared_ptr<Engine> engine;
  std::unique_ptr<Session> session;
  std::string shown;  // events of the last answer: text, and calls in brackets

  explicit Caller(std::vector<std::string> replies,
                  SessionOptions options = {.now_seconds = 0, .tools = kTools}, Form form = {}) {
    family::VocabData vocab = testing::byte_vocab();
    for (const std::string_view mark : kMarks) {
      vocab.tokens.push_back(mark);
      vocab.types.push_back(family::TokenType::Control);
      vocab.scores.push_back(0);
    }
    ModelBundle bundle = testing::byte_bundle();
    bundle.tokenizer = std::make_shared<token::Tokenizer>(*token::Tokenizer::create(vocab));
    bundle.chat_template =
        std::make_shared<prompt::ChatTemplate>(*prompt::ChatTemplate::parse(form.chat_template));
    bundle.calls = &form.format;
    const auto script = [replies](std::span<const TokenId> history) {
      std::vector<TokenId> cue = {testing::kStart};
      for (const TokenId id : testing::ids_of("assistant:")) cue.push_back(id);
      const auto last = std::find_end(history.begin(), history.end(), cue.begin(), cue.end());
      size_t turn = 0;
      for (auto at = history.begin(); at != last; ++at) {
        turn += std::equal(cue.begin(), cue.end(), at) ? 1 : 0;
      }
      const auto reply = ids_of(replies[std::min(turn, replies.size() - 1)]);
      const size_t said = static_cast<size_t>(history.end() - last) - cue.size();
      return runner::one_hot(said < reply.size() ? reply[said] : testing::kEnd, kVocab);
    };
    const auto runner = runner::FakeRunner::make(
        {.vocab_size = kVocab, .context = 2048, .chunk = 512, .script = script});
    EngineOptions engine_options{.model = {.model = "caller"}};
    engine_options.loader = [bundle, runner](const ModelOptions&, const LoadProgress&,
                                             const CancelToken*) {
      return Result<std::unique_ptr<LoadedModel>>(LoadedModel::from_parts(bundle, runner));
    };
    engine = Engine::load(engine_options).value();
    session = engine->new_session(std::move(options));
  }

  Result<Answer> ask(Prompt prompt, const GenerateOptions& options = {}) {
    shown.clear();
    auto request = session->submit(std::move(prompt), options);
    if (!request.ok()) return request.status();
    while (!(*request)->over()) {
      const auto event = (*request)->next(std::chrono::seconds(1));
      if (!event) continue;
      if (event->kind == EventKind::Text) shown += event->text;
      if (event->kind == EventKind::ToolCall) {
        shown += "[" + event->call.id + " " + event->call.name + event->call.arguments + "]";
      }
      if (event->kind == EventKind::Done) return *event->answer;
      if (event->kind == EventKind::Failed) return event->status;
    }
    return Status(StatusCode::Internal, "no end");
  }
};

TEST(ToolConversation, GoesFromTheCallToItsResultToTheAnswer) {
  Caller model({"Let me see.\n" + kNow, "Noon."});
  const auto called = model.ask(Prompt::user("Time?"));
  ASSERT_TRUE(called.ok());
  EXPECT_EQ(model.shown, R"(Let me see.[call_0001 now{"zone": 1}])");
  EXPECT_EQ(called->text, "Let me see.");
  EXPECT_EQ(called->finish_reason, FinishReason::ToolCalls);
  ASSERT_EQ(called->tool_calls.size(), 1u);
  EXPECT_EQ(called->tool_calls[0], (ToolCall{"call_0001", "now", R"({"zone": 1})"}));

  const auto answer = model.ask(Prompt::tool_results({{"call_0001", "12:00"}}));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->text, "Noon.");
  EXPECT_EQ(answer->finish_reason, FinishReason::Stop);
  const auto messages = model.session->messages();
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[1].fields, fields_of_calls(called->tool_calls));
  EXPECT_EQ(messages[2].role, "tool");
  // All that was computed is used again, the calls' own ids included.
  std::vector<TokenId> before = called->prompt_ids;
  before.insert(before.end(), called->ids.begin(), called->ids.end());
  ASSERT_GT(answer->prompt_ids.size(), before.size());
  EXPECT_TRUE(std::equal(before.begin(), before.end(), answer->prompt_ids.begin()));
  EXPECT_EQ(answer->cached_tokens, before.size() - 1) << "the end itself was not fed";
  EXPECT_EQ(std::ranges::count(answer->prompt_ids, kOpen), 1);
}

TEST(ToolConversation, CountsItsCallsOn) {
  Caller model({kNow + "\n" + kNow, kNow});
  EXPECT_EQ(model.ask(Prompt::user("Time?"))->tool_calls.size(), 2u);
  const auto next = model.ask(Prompt::tool_results({{"call_0001", "a"}, {"call_0002", "b"}}));
  ASSERT_TRUE(next.ok()) << next.status().to_string();
  ASSERT_EQ(next->tool_calls.size(), 1u);
  EXPECT_EQ(next->tool_calls[0].id, "call_0003");
}

// As Mistral Small 3.2 is shown them; all marks are control tokens.
TEST(ToolConversation, CallsByNameGoOnFromTheirIds) {
  const char* const chat_template =
      "{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}{% for c in m.tool_calls %}"
      "[TOOL_CALLS]{{ c.function.name }}[CALL_ID]{{ c.id }}[ARGS]{{ c.function.arguments|tojson }}"
      "{% endfor %}{{ m.tool_call_id }}<|im_end|>{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}";
  Caller model({R"(So.[TOOL_CALLS]now[CALL_ID]abc123XYZ[ARGS]{"zone": 1}[TOOL_CALLS]now[CALL_ID])"
                "abc123XY2[ARGS]{}",
                "Noon."},
               {.now_seconds = 0, .tools = kTools}, {form_named("mistral-2025"), chat_template});
  const auto called = model.ask(Prompt::user("Time?"));
  ASSERT_TRUE(called.ok()) << called.status().to_string();
  EXPECT_EQ(model.shown, R"(So.[abc123XYZ now{"zone": 1}][abc123XY2 now{}])");
  EXPECT_EQ(called->finish_reason, FinishReason::ToolCalls);
  const auto answer =
      model.ask(Prompt::tool_results({{"abc123XYZ", "12:00"}, {"abc123XY2", "13:00"}}));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->text, "Noon.");
  EXPECT_EQ(answer->cached_tokens, called->prompt_ids.size() + called->ids.size() - 1)
      << "what the template writes of the calls is what was said";
}

// The session's tools say what the texts between the tags are.
TEST(ToolConversation, ValuesInTagsAreWhatTheToolsDeclare) {
  Caller model({"<tool_call>\n<function=now>\n<parameter=zone>\n1\n</parameter>\n<parameter=for>\n"
                "1\n</parameter>\n</function>\n</tool_call>"},
               {.now_seconds = 0, .tools = kTools}, {form_named("qwen-coder"), kTemplate});
  ASSERT_TRUE(model.ask(Prompt::user("Time?")).ok());
  EXPECT_EQ(model.shown, R"([call_0001 now{"zone": 1, "for": "1"}])");
}

TEST(ToolConversation, RefusesResultsThatNobodyAskedFor) {
  Caller model({"Hello."});
  EXPECT_EQ(model.ask(Prompt::tool_results({{"call_0001", "x"}})).status().code(),
            StatusCode::InvalidArgument);
  ASSERT_TRUE(model.ask(Prompt::user("Hi")).ok());
  EXPECT_EQ(model.ask(Prompt::tool_results({{"call_0001", "x"}})).status().code(),
            StatusCode::InvalidArgument);
  EXPECT_EQ(model.session->messages().size(), 2u);
}

TEST(ToolConversation, WithoutToolsThereAreNoCalls) {
  Caller model({kNow}, {.now_seconds = 0});
  const auto answer = model.ask(Prompt::user("Time?"));
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->tool_calls.empty());
  EXPECT_EQ(answer->text, "\n{\"name\": \"now\", \"arguments\": {\"zone\": 1}}\n")
      << "control tokens are no text";
  EXPECT_EQ(answer->finish_reason, FinishReason::Stop);
}

TEST(ToolConversation, ACallThatIsCutShortIsText) {
  Caller model({"So: " + kNow});
  const auto answer = model.ask(Prompt::user("Time?"), {.max_tokens = 20});
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->tool_calls.empty());
  EXPECT_EQ(answer->text, "So: <tool_call>\n{\"name\": \"now\"");
  EXPECT_EQ(answer->finish_reason, FinishReason::Length);
}

TEST(ToolConversation, IsKeptInASessionFile) {
  Caller model({kNow, "Noon."});
  ASSERT_TRUE(model.ask(Prompt::user("Time?")).ok());
  const std::string path = ::testing::TempDir() + "etb_tool_calls.etbs";
  ASSERT_TRUE(model.session->save(path).ok());
  auto restored = model.engine->restore_session(path, {.now_seconds = 0, .tools = kTools});
  ASSERT_TRUE(restored.ok()) << restored.status().to_string();
  model.session = std::move(restored).value();
  const auto answer = model.ask(Prompt::tool_results({{"call_0001", "12:00"}}));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_EQ(answer->text, "Noon.");
  std::remove(path.c_str());
}

TEST(ToolConversation, AFullContextNeverPartsACallFromItsResult) {
  Caller model({"Yes.", kNow, "Noon.", kNow, "One."});
  ASSERT_TRUE(model.ask(Prompt::user(std::string(900, 'x'))).ok());
  ASSERT_TRUE(model.ask(Prompt::user("Time?")).ok());
  ASSERT_TRUE(model.ask(Prompt::tool_results({{"call_0001", std::string(300, 'y')}})).ok());
  ASSERT_TRUE(model.ask(Prompt::user("And now?")).ok());
  const auto answer = model.ask(Prompt::tool_results({{"call_0002", std::string(300, 'z')}}));
  ASSERT_TRUE(answer.ok()) << answer.status().to_string();
  EXPECT_GT(answer->dropped_messages, 0u);
  EXPECT_EQ(std::ranges::count(answer->prompt_ids, kOpen),
            std::ranges::count(answer->prompt_ids, TokenId{'_'}))
      << "a call for each call_N of a result";
}

}  // namespace
}  // namespace etb
