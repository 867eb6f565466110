// What users type wrong: usage errors are exit 2, requests that cannot be met exit 1 with one clear
// line.
#include "base/text.h"
#include "cli/cli_fixture.h"
#include "support/random_gguf.h"

namespace etb::cli_test {
namespace {

class BadArguments : public CommandLine {
 protected:
  void SetUp() override {
    CommandLine::SetUp();
    model_ = put("tiny.gguf", tiny_gguf()).string();
  }
  std::string model_;
};

TEST_F(BadArguments, UsageErrorsExitWithTwo) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"no-such-verb"},
      {"run"},
      {"run", model_},                        // no prompt
      {"run", model_, "-p", "a", "-f", "b"},  // two prompts
      {"run", model_, "-p", "a", "--no-such-flag"},
      {"run", model_, "-p", "a", "--temp", "warm"},
      {"run", model_, "-p", "a", "--top-p", "1.5"},
      {"run", model_, "-p", "a", "--threads", "0"},
      {"run", model_, "-p", "a", "--kv", "f7"},
      {"run", model_, "-p", "a", "--history", "random"},
      {"run", model_, "-p", "a", "--history", "count=0"},
      {"run", model_, "-p", "a", "--history", "window=3"},
      {"run", model_, "-p", "a", "--raw", "--session", "s"},
      {"run", model_, "-p", "a", "--raw", "--template", "chatml"},
      {"run", model_, "--messages", "a", "--session", "s"},
      {"chat", model_, "-n", "-2"},
      {"import", model_},  // no output
      {"cache"},
      {"perplexity", model_},
      {"bench", model_, "-r", "0"},
  };
  for (const auto& arguments : wrong) {
    std::string line;
    for (const std::string& argument : arguments) line += " " + argument;
    const Outcome outcome = etbridge(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << "etbridge" << line << ": " << outcome.summary();
    EXPECT_FALSE(outcome.err.empty()) << line;
    EXPECT_TRUE(outcome.out.empty()) << line << outcome.out;
  }
}

TEST_F(BadArguments, HelpAndVersionSucceed) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--version"}, {"--help"}, {"run", "--help"}}) {
    const Outcome outcome = etbridge(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    EXPECT_FALSE(outcome.out.empty());
  }
}

TEST_F(BadArguments, APromptLongerThanTheContext) {
  std::string prompt;
  for (int i = 0; i < 500; ++i) prompt += "word ";
  const auto outcome = etbridge({"run", model_, "--raw", "-p", prompt, "--context", "64"});
  EXPECT_TRUE(fails_clearly(outcome, {"64"}));
}

TEST_F(BadArguments, InvalidUtf8InAPrompt) {
  for (const std::string& prompt :
       {std::string("\xFF\xFE"), std::string("good \xC3"), std::string("\xED\xA0\x80"),
        std::string("\xF8\x88\x80\x80\x80")}) {
    EXPECT_TRUE(fails_clearly(run_raw(model_, prompt), {"UTF-8"}));
    const auto file = put("prompt.txt", prompt);
    EXPECT_TRUE(fails_clearly(etbridge({"run", model_, "-f", file.string()}), {"UTF-8"}));
  }
}

TEST_F(BadArguments, InputsThatCannotBeRead) {
  const std::string missing = file("missing.txt").string();
  EXPECT_TRUE(fails_clearly(etbridge({"run", model_, "-f", missing}), {"missing.txt"}));
  EXPECT_TRUE(fails_clearly(etbridge({"run", model_, "--messages", missing}), {"missing.txt"}));
  EXPECT_TRUE(fails_clearly(etbridge({"perplexity", model_, "--ids", missing}), {"missing.txt"}));
  const auto broken = put("broken.json", "[{\"role\": ");
  EXPECT_TRUE(
      fails_clearly(etbridge({"run", model_, "--messages", broken.string()}), {"broken.json"}));
  EXPECT_TRUE(
      fails_clearly(etbridge({"perplexity", model_, "--ids", broken.string()}), {"broken.json"}));
}

TEST_F(BadArguments, IdsBeyondTheVocabulary) {
  const auto ids = put("ids.json", "[1, 2, 4000000000]");
  const std::string output = file("logprobs.txt").string();
  EXPECT_TRUE(
      fails_clearly(etbridge({"perplexity", model_, "--ids", ids.string(), "--logprobs", output}),
                    {"4000000000"}));
}

TEST_F(BadArguments, LinesThatAreNoJson) {
  const auto outcome = etbridge({"tokenize", model_}, "not json\n");
  EXPECT_TRUE(fails_clearly(outcome, {"line 1"}));
  const auto later = etbridge({"detokenize", model_}, "[1, 2]\n[1, -2]\n");
  EXPECT_EQ(later.exit_code, 1) << later.summary();
  EXPECT_NE(later.err.find("line 2"), std::string::npos) << later.summary();
}

TEST_F(BadArguments, ATemplateThatLoopsForEver) {
  const std::string loop =
      "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}"
      "{% endfor %}{% endfor %}{% endfor %}";
  const auto rendered =
      etbridge({"render", "--template", put("loop.jinja", loop).string()},
               "{\"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}\n");
  EXPECT_EQ(rendered.exit_code, 0) << rendered.summary();
  EXPECT_TRUE(rendered.out.starts_with("{\"error\":")) << rendered.summary();

  test::RandomGgufSpec spec;
  spec.chat_template = loop;
  const auto model = put("loop.gguf", test::random_gguf(spec));
  EXPECT_TRUE(fails_clearly(etbridge({"run", model.string(), "-p", "hello"})));
}

TEST_F(BadArguments, ATemplateThatIsNone) {
  const auto run = [&](const std::string& chat_template) {
    return etbridge({"run", model_, "-p", "hello", "-n", "2", "--template", chat_template});
  };
  EXPECT_TRUE(fails_clearly(run("llama3"), {"llama3", "no such file", "llama-3.2", "chatml"}));
  EXPECT_TRUE(fails_clearly(run(put("broken.jinja", "{{ a\n{% if %}").string()),
                            {"broken.jinja", "line "}));
  EXPECT_TRUE(fails_clearly(run(put("empty.jinja", "").string()), {"empty.jinja", "empty"}));
  EXPECT_TRUE(fails_clearly(run(file("").string()), {"folder"}));
  EXPECT_TRUE(fails_clearly(etbridge({"chat", model_, "--template", "llama3"}, "hello\n"),
                            {"no such file"}));
}

// A vocabulary that tells the chat format is enough; one that does not is refused with the remedy.
TEST_F(BadArguments, AModelWithoutAChatTemplate) {
  const std::string line = "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}\n";
  test::RandomGgufSpec spec;
  spec.chat_template = "";
  const auto told = put("chatml.gguf", test::random_gguf(spec));
  const auto rendered = etbridge({"render", told.string()}, line);
  EXPECT_EQ(rendered.out, "{\"prompt\": \"<|im_start|>user\\nhi<|im_end|>\\n\"}\n")
      << rendered.summary();

  spec.tokenizer = test::RandomVocab::SentencePiece;
  const auto untold = put("untold.gguf", test::random_gguf(spec));
  EXPECT_TRUE(fails_clearly(etbridge({"run", untold.string(), "-p", "hi"}), {"--raw"}));
  EXPECT_TRUE(fails_clearly(etbridge({"render", untold.string()}, line), {"--template"}));
  const auto raw = etbridge({"run", untold.string(), "-p", "hi", "--raw", "-n", "2"});
  EXPECT_EQ(raw.exit_code, 0) << raw.summary();
}

}  // namespace
}  // namespace etb::cli_test
