// `etbridge run --session FILE`: a conversation that lives in a file, one turn a run; and what else
// `run` tells about a conversation.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/cli_fixture.h"
#include "support/random_gguf.h"

namespace etb::cli_test {
namespace {

using Json = nlohmann::json;

class SessionRuns : public CommandLine {
 protected:
  void SetUp() override {
    CommandLine::SetUp();
    model_ = put("tiny.gguf", tiny_gguf()).string();
    session_ = file("talk.etbs").string();
  }

  std::vector<std::string> turn(const std::string& text, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"run", model_, "--session", session_,
                                          "-p",  text,   "-n",        "6"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Json answer(const std::string& text, std::vector<std::string> more = {}) {
    const std::vector<std::string> letters = only_letters(model_);
    more.insert(more.end(), letters.begin(), letters.end());
    more.push_back("--json");
    const Outcome outcome = etbridge(turn(text, std::move(more)));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    return Json::parse(outcome.out, nullptr, false);
  }

  // Another model, with a chat template of the test's own.
  void use_template(const std::string& chat_template) {
    test::RandomGgufSpec spec;
    spec.chat_template = chat_template;
    model_ = put("own.gguf", test::random_gguf(spec)).string();
  }

  std::string model_, session_;
};

TEST_F(SessionRuns, TheSecondRunGoesOnFromTheFirst) {
  const Json first = answer("hello there", {"--system", "Be kind."});
  EXPECT_EQ(first["cached_tokens"], 0);
  const Json second = answer("and then?");
  // Prompt and answer of the first, as they were fed and generated, begin the second.
  auto said = first["prompt_ids"].get<std::vector<int>>();
  const auto ids = first["ids"].get<std::vector<int>>();
  said.insert(said.end(), ids.begin(), ids.end());
  const auto prompt = second["prompt_ids"].get<std::vector<int>>();
  ASSERT_GT(prompt.size(), said.size());
  EXPECT_TRUE(std::equal(said.begin(), said.end(), prompt.begin()));
  // All of it was computed before, but for the last token, which never needed to be fed.
  EXPECT_EQ(second["cached_tokens"], said.size() - 1);

  const Json third = answer("more", {"--system", "Be short."});
  EXPECT_LT(third["cached_tokens"], second["cached_tokens"]) << "another system prompt";
}

TEST_F(SessionRuns, TheFileIsTheSameConversationForChat) {
  answer("hello there");
  const auto chat =
      etbridge({"chat", model_, "--commands"}, concat("/load ", session_, "\n/history\n"));
  EXPECT_EQ(chat.exit_code, 0) << chat.summary();
  EXPECT_NE(chat.err.find("1 you     hello there"), std::string::npos) << chat.summary();
}

TEST_F(SessionRuns, JsonTellsAboutGuessesAndTheQueue) {
  const std::vector<std::string> long_answer = {"--raw", "-n", "60", "--ignore-eos", "--json"};
  std::vector<std::string> arguments = {"run", model_, "-p", "abcabcabcabcabcabc"};
  arguments.insert(arguments.end(), long_answer.begin(), long_answer.end());
  const Json guessing = Json::parse(etbridge(arguments).out);
  arguments.push_back("--no-lookup");
  const Json plain = Json::parse(etbridge(arguments).out);
  EXPECT_EQ(guessing["ids"], plain["ids"]) << "guessing ahead changes no token";
  EXPECT_GT(guessing["drafted_tokens"], 0);
  EXPECT_GE(guessing["drafted_tokens"], guessing["accepted_tokens"]);
  EXPECT_EQ(plain["drafted_tokens"], 0);
  EXPECT_GE(plain["queue_ms"], 0.0);
}

TEST_F(SessionRuns, AFileThatIsNoSessionIsRefusedAndLeftAlone) {
  answer("hello there");
  const std::string good = read_bytes(session_);
  std::string flipped = good;
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  for (const std::string& bytes :
       {std::string("Dear diary"), std::string(), flipped, good.substr(0, good.size() / 2)}) {
    write_bytes(session_, bytes);
    EXPECT_TRUE(fails_clearly(etbridge(turn("more")), {"talk.etbs"}));
    EXPECT_EQ(read_bytes(session_), bytes);
  }
}

TEST_F(SessionRuns, ASessionOfAnotherModelIsRefusedByName) {
  answer("hello there");
  const std::string before = read_bytes(session_);
  model_ = put("other.gguf", test::random_gguf({.name = "Somebody", .seed = 2})).string();
  EXPECT_TRUE(fails_clearly(etbridge(turn("more")), {"talk.etbs", "Somebody", "Random"}));
  EXPECT_EQ(read_bytes(session_), before);
}

TEST_F(SessionRuns, WhatCannotBeSavedIsStillSaid) {
  session_ = file("missing/talk.etbs").string();
  const auto outcome = etbridge(turn("hello"));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.summary();
  EXPECT_FALSE(outcome.out.empty());
  EXPECT_NE(outcome.err.find("missing/talk.etbs"), std::string::npos) << outcome.summary();
}

TEST_F(SessionRuns, AFullDiskLeavesTheOldFile) {
  answer("hello there");
  const std::string before = read_bytes(session_);
  const auto outcome =
      launch({.arguments = turn("more", {"--json"}), .file_size_limit = 4096}, cache_.string());
  EXPECT_EQ(outcome.exit_code, 1) << outcome.summary();
  EXPECT_EQ(Json::parse(outcome.out, nullptr, false)["finish_reason"], "length") << outcome.out;
  EXPECT_EQ(read_bytes(session_), before);
  EXPECT_EQ(names_in(folder_), (std::vector<std::string>{"talk.etbs", "tiny.gguf"}));
}

TEST_F(SessionRuns, AnAnswerThatFailsLeavesTheFile) {
  answer("hello there");
  const std::string before = read_bytes(session_);
  const std::string endless(4000, 'x');
  EXPECT_TRUE(fails_clearly(etbridge(turn(endless)), {"context"}));
  EXPECT_EQ(read_bytes(session_), before);
}

TEST_F(SessionRuns, HistoryDecidesWhatALongConversationLoses) {
  Json messages = Json::array();
  for (int i = 0; i < 12; ++i) {
    messages.push_back({{"role", "user"}, {"content", "tell me about the sea"}});
    messages.push_back({{"role", "assistant"}, {"content", "it is wide and it is deep"}});
  }
  messages.push_back({{"role", "user"}, {"content", "go on"}});
  const auto talk = put("talk.json", messages.dump()).string();
  const auto run = [&](const std::string& history) {
    return etbridge({"run", model_, "--messages", talk, "-n", "4", "--context", "256", "--json",
                     "--history", history});
  };
  const auto window = run("window");
  EXPECT_GT(Json::parse(window.out, nullptr, false)["dropped_messages"], 0) << window.summary();
  EXPECT_NE(window.err.find("left out"), std::string::npos) << window.summary();
  const auto count = run("count=2");
  EXPECT_EQ(Json::parse(count.out, nullptr, false)["dropped_messages"], 24) << count.summary();
  EXPECT_TRUE(fails_clearly(run("error"), {"256"}));
}

// What a template opens for the model is reasoning until the model closes it.
TEST_F(SessionRuns, ReasoningIsNoPartOfTheText) {
  use_template(
      "{{ messages[-1].content }}{% if enable_thinking is not false %}<think>\n{% endif %}{# "
      "</think> #}");
  const Json thought = answer("x");
  EXPECT_EQ(thought["reasoning"], "AAAAAA");
  EXPECT_EQ(thought["text"], "");
  EXPECT_EQ(thought["reasoning_tokens"], thought["generated_tokens"]);
  const Outcome shown = etbridge({"run", model_, "-p", "x", "-n", "4"});
  EXPECT_EQ(shown.out, "\n") << "thoughts go to stderr";
  std::filesystem::remove(session_);
  const Json said = answer("x", {"--think", "off"});
  EXPECT_EQ(said["text"], "AAAAAA");
  EXPECT_EQ(said["reasoning"], "");
}

// A conversation in a file is its messages: another template reads them anew.
TEST_F(SessionRuns, GoOnWithAnotherTemplate) {
  const std::string given =
      put("given.jinja", "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}")
          .string();
  const auto prompt_of = [&](const Json& json) {
    return etbridge({"detokenize", model_}, json["prompt_ids"].dump() + "\n").out;
  };
  const Json first = answer("hello");
  EXPECT_NE(prompt_of(first).find("<|im_start|>user\\nhello"), std::string::npos);
  const Json second = answer("more", {"--template", given});
  EXPECT_EQ(prompt_of(second), "\"[user]hello[assistant]AAAAAA[user]more\"\n");
  EXPECT_EQ(second["cached_tokens"], 0);
  const Json third = answer("again", {"--template", given});
  EXPECT_EQ(prompt_of(third),
            "\"[user]hello[assistant]AAAAAA[user]more[assistant]AAAAAA[user]again\"\n");
  EXPECT_GT(third["cached_tokens"], 30) << "now it is the same";
  const Json built_in = answer("last", {"--template", "gemma-3"});
  EXPECT_NE(prompt_of(built_in).find("<start_of_turn>user\\nagain<end_of_turn>"),
            std::string::npos);
}

// The prompt's ids tell what the template made of tools, calls and results.
TEST_F(SessionRuns, MessagesMayDeclareToolsAndHoldCallsAndResults) {
  use_template(
      "{{ tools|length if tools else 0 }}{% for m in messages %}{{ m.tool_calls[0].function.name "
      "if m.tool_calls else m.content }}{% endfor %}");
  const auto prompt_of = [&](const std::string& messages) {
    const Outcome outcome =
        etbridge({"run", model_, "--messages", "-", "-n", "1", "--json"}, messages);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    const Json ids = Json::parse(outcome.out, nullptr, false)["prompt_ids"];
    return etbridge({"detokenize", model_}, ids.dump() + "\n").out;
  };
  EXPECT_EQ(prompt_of(R"({"messages": [{"role": "user", "content": "q"},
      {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f"}}]},
      {"role": "tool", "content": "r", "tool_call_id": "1"}], "tools": [{"name": "f"}]})"),
            "\"1qfr\"\n");
  EXPECT_EQ(prompt_of(R"([{"role": "user", "content": "q"}])"), "\"0q\"\n");
  EXPECT_TRUE(fails_clearly(
      etbridge({"run", model_, "--messages", "-"}, R"({"messages": [{"role": "user"}]})"),
      {"item 0"}));
  EXPECT_TRUE(fails_clearly(
      etbridge({"run", model_, "--messages", "-"}, R"({"messages": [], "tools": 3})"), {"tools"}));
}

// A model that says one call and ends, as far as it can: its first token is the call.
TEST_F(SessionRuns, CallsComeApartFromTheText) {
  test::RandomGgufSpec spec;
  spec.first_token = R"({"name": "now", "parameters": {"zone": 1}})";
  spec.chat_template =
      "{# <|python_tag|> tool_calls #}{% for m in messages %}{{ m.content }};{% endfor %}";
  model_ = put("calls.gguf", test::random_gguf(spec)).string();
  const auto tools = put("tools.json", R"([{"name": "now"}])").string();
  const std::vector<std::string> once = {"--logit-bias",       "0=100", "--logit-bias", "2=60",
                                         "--presence-penalty", "100",   "--temp",       "0"};
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", model_, "-p", "time?"};
    arguments.insert(arguments.end(), once.begin(), once.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return etbridge(arguments);
  };
  const Outcome called = run({"--tools", tools, "--json"});
  const Json json = Json::parse(called.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << called.summary();
  EXPECT_EQ(json["text"], "");
  EXPECT_EQ(json["finish_reason"], "tool_calls");
  EXPECT_EQ(json["tool_calls"], Json::parse(R"([{"id": "call_0001", "type": "function",
      "function": {"name": "now", "arguments": "{\"zone\": 1}"}}])"));
  const Outcome shown = run({"--tools", tools});
  EXPECT_EQ(shown.out, "\n");
  EXPECT_NE(shown.err.find(R"([call_0001 calls now({"zone": 1})])"), std::string::npos);
  const Json said = Json::parse(run({"--json"}).out, nullptr, false);
  EXPECT_EQ(said["text"], spec.first_token) << "without tools there are no calls";
  EXPECT_EQ(said["tool_calls"], Json::array());
  EXPECT_TRUE(fails_clearly(run({"--tools", put("bad.json", "[1]").string()}), {"bad.json"}));

  std::vector<std::string> chat = {"chat", model_, "--commands", "--tools", tools};
  chat.insert(chat.end(), once.begin(), once.end());
  const Outcome talk = etbridge(chat, "/result 1\ntime?\n/history\n/result 12:00\n/history\n");
  EXPECT_NE(talk.err.find("calls no tool"), std::string::npos) << talk.summary();
  EXPECT_NE(talk.err.find(R"(model    {"tool_calls": [{"id": "call_0001")"), std::string::npos)
      << talk.summary();
  EXPECT_NE(talk.err.find("tool    12:00"), std::string::npos) << talk.summary();
}

}  // namespace
}  // namespace etb::cli_test
