// `etbridge chat` with its commands: from a pipe, where each run is a script, and at a terminal.
#include <algorithm>

#include "base/text.h"
#include "cli/cli_fixture.h"
#include "support/random_gguf.h"

namespace etb::cli_test {
namespace {

namespace fs = std::filesystem;

class Chat : public CommandLine {
 protected:
  void SetUp() override {
    CommandLine::SetUp();
    model_ = put("tiny.gguf", tiny_gguf()).string();
  }

  Outcome script(const std::string& lines, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"chat", model_, "--commands", "-n", "6", "--seed", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return etbridge(arguments, lines);
  }
  // The same, where every line must succeed; what it showed.
  std::string shown(const std::string& lines, std::vector<std::string> more = {}) {
    const Outcome outcome = script(lines, std::move(more));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    return outcome.err;
  }
  std::string parked(const std::string& process) const {
    return (cache_ / "etbridge" / ("parked-" + process)).string();
  }

  std::string model_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

size_t count(const std::string& text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_F(Chat, LinesOfAPipeArePromptsUnlessCommandsAreAskedFor) {
  const Outcome plain = etbridge({"chat", model_, "-n", "2"}, "/history\n");
  EXPECT_TRUE(has(plain.err, "tokens/s")) << plain.summary();
  EXPECT_TRUE(has(shown("/history\n"), "nothing has been said yet"));
  EXPECT_TRUE(has(shown("//history\n/history\n"), "1 you     /history\n"));
  EXPECT_TRUE(has(shown("\n  \r\nhello\r\n/history\r\n"), "1 you     hello\n"));
}

TEST_F(Chat, ABackslashAtTheEndLetsAMessageGoOn) {
  EXPECT_TRUE(has(shown("one\\\ntwo\\\nthree\n/history 1\n"), "1 you     one\ntwo\nthree\n"));
  EXPECT_TRUE(has(shown("/history\none\\"), "tokens/s")) << "the input may end there";
  const Outcome plain = etbridge({"chat", model_, "-n", "2"}, "one\\\ntwo\n");
  EXPECT_EQ(count(plain.err, "tokens/s"), 2u) << "lines of a pipe are prompts";
}

TEST_F(Chat, AnAnswerThatWasCutOffSaysWhy) {
  const std::vector<std::string> letters = only_letters(model_);
  EXPECT_TRUE(has(shown("hello\n", letters), "cut off by -n]"));
  std::vector<std::string> arguments = {"chat", model_, "--context", "64"};
  arguments.insert(arguments.end(), letters.begin(), letters.end());
  EXPECT_TRUE(has(etbridge(arguments, "hello\n").err, "the context is full]"));
}

TEST_F(Chat, HelpNamesEveryCommand) {
  const std::string help = shown("/help\n");
  for (const char* name : {"/help", "/regen", "/edit", "/fork", "/back", "/save", "/load", "/stats",
                           "/memory", "/system", "/reset", "/history", "/pin", "/quit"}) {
    EXPECT_TRUE(has(help, concat("\n", name, " ")) || help.starts_with(name)) << name;
  }
}

TEST_F(Chat, RegenGivesAnotherAnswerInPlaceOfTheLast) {
  const std::string text =
      shown("hello\n/history 1\n/regen\n/history 1\n", {"--temp", "5", "--min-p", "0"});
  const std::string asked = "  1 you     hello\n    model   ";
  const size_t first = text.find(asked), second = text.rfind(asked);
  ASSERT_NE(first, second) << text;
  const size_t end = text.rfind("\n[", second);  // the statistics of /regen
  const std::string before = text.substr(first, end - first);
  const std::string after = text.substr(second, text.size() - 1 - second);
  EXPECT_NE(before, after) << "the same seed, but another try";
  EXPECT_EQ(count(after, "model "), 1u);
}

TEST_F(Chat, EditAnswersAnewAndDropsWhatFollows) {
  const std::string text = shown("first\nsecond\n/edit 1 changed\n/history\n");
  EXPECT_TRUE(has(text, "  1 you     changed\n    model ")) << text;
  EXPECT_FALSE(has(text, "second")) << text;
  // Without a text the next line is it; an empty one changes nothing.
  EXPECT_TRUE(has(shown("first\n/edit 1\nother\n/history\n"), "1 you     other\n"));
  const Outcome nothing = script("first\n/edit 1\n\n/history\n");
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_TRUE(has(nothing.err, "1 you     first\n")) << nothing.summary();
}

TEST_F(Chat, AnEditThatCannotBeAnsweredLeavesTheConversation) {
  const Outcome outcome =
      script(concat("first\nsecond\n/edit 1 ", std::string(600, 'x'), "\n/history\n"));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(has(outcome.err, "1 you     first\n")) << outcome.summary();
  EXPECT_TRUE(has(outcome.err, "2 you     second\n")) << outcome.summary();
}

TEST_F(Chat, AForkGoesOnInACopy) {
  const std::string text = shown("first\n/fork\nonly here\n/history\n/back\n/history\n");
  EXPECT_EQ(count(text, "1 you     first\n"), 2u) << text;
  EXPECT_EQ(count(text, "2 you     only here\n"), 1u) << text;
}

TEST_F(Chat, WhatIsSavedCanBeLoadedLater) {
  const std::string path = file("my talk.etbs").string();
  shown(concat("first\nsecond\n/save ", path, "\n/reset\nthird\n/save ", path, "\n"));
  shown(concat("first\nsecond\n/save ", path, "\n"));
  const std::string text =
      shown(concat("here before\n/load ", path, "\n/history\nmore\n/back\n/history\n"));
  EXPECT_TRUE(has(text, "4 messages loaded")) << text;
  EXPECT_TRUE(has(text, "2 you     second\n")) << text;
  EXPECT_TRUE(has(text, "1 you     here before\n")) << text;
  const size_t at = text.rfind("of it ");  // of the statistics after "more"
  EXPECT_FALSE(text.substr(at).starts_with("of it 0 cached")) << "nothing was restored: " << text;
}

TEST_F(Chat, SaveReplacesNothingButSessions) {
  const std::string letter = put("letter.txt", "Dear Ada").string();
  for (const std::string& path : {letter, model_, file("missing/x").string(), std::string()}) {
    const Outcome outcome = script(concat("hello\n/save ", path, "\n/history\n"));
    EXPECT_EQ(outcome.exit_code, 1) << outcome.summary();
    EXPECT_TRUE(has(outcome.err, "error: ")) << outcome.summary();
    EXPECT_TRUE(has(outcome.err, "1 you     hello\n")) << "it goes on: " << outcome.summary();
  }
  EXPECT_EQ(read_bytes(letter), "Dear Ada");
  EXPECT_EQ(read_bytes(model_), tiny_gguf());
}

TEST_F(Chat, LoadRefusesWhatIsNoConversationOfThisModel) {
  const std::string talk = file("talk.etbs").string();
  shown(concat("hello\n/save ", talk, "\n"));
  const std::string good = read_bytes(talk);
  const std::string broken = put("broken.etbs", good.substr(0, good.size() - 5)).string();
  const std::string letter = put("letter.txt", "Dear Ada").string();
  for (const std::string& path : {broken, letter, file("none").string()}) {
    const Outcome outcome = script(concat("mine\n/load ", path, "\n/history\n"));
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_TRUE(has(outcome.err, path)) << outcome.summary();
    EXPECT_TRUE(has(outcome.err, "1 you     mine\n")) << outcome.summary();
  }
  model_ = put("other.gguf", test::random_gguf({.name = "Somebody", .seed = 2})).string();
  const Outcome other = script(concat("/load ", talk, "\n"));
  EXPECT_TRUE(has(other.err, "Somebody") && has(other.err, "Random")) << other.summary();
}

TEST_F(Chat, WhatMakesNoSenseIsToldAndChangesNothing) {
  for (const char* line : {"/edit", "/edit 0 x", "/edit 2 x", "/edit -1 x", "/edit one x", "/pin",
                           "/pin 2", "/pin 99999999999999999999", "/history 2", "/back",
                           "/nonsense", "/quit now", "/save", "/load"}) {
    const Outcome outcome = script(concat("hello\n", line, "\n/history\n"));
    EXPECT_EQ(outcome.exit_code, 1) << line << outcome.summary();
    EXPECT_EQ(count(outcome.err, "error: "), 2u) << line << outcome.summary();  // and the last line
    EXPECT_TRUE(has(outcome.err, "1 you     hello\n")) << line << outcome.summary();
  }
  EXPECT_EQ(script("/regen\n").exit_code, 1);
}

TEST_F(Chat, StatsAndMemoryTellTheirNumbers) {
  const std::string text = shown("hello\nmore\n/stats\n/memory\n", only_letters(model_));
  EXPECT_TRUE(has(text, "last answer   6 tokens")) << text;
  EXPECT_TRUE(has(text, "this chat     2 answers, 12 tokens")) << text;
  for (const char* line :
       {"\nfootprint ", "\nconversation ", "\nall ", "\nestimate ", "\nbudget ", "\ncontext "}) {
    EXPECT_TRUE(has(text, line)) << line << text;
  }
  EXPECT_TRUE(has(shown("/stats\n/memory\n"), "0 answers"));
}

TEST_F(Chat, TheSystemPromptIsSetAndSurvivesReset) {
  const std::string text = shown("hello\n/system Be kind.\n/reset\n/history\n");
  EXPECT_TRUE(has(text, "    system  Be kind.\n")) << text;
  EXPECT_FALSE(has(text, "you     hello")) << text;
  EXPECT_TRUE(has(shown("/system\n/history\n", {"--system", "x"}), "nothing has been said yet"));
}

TEST_F(Chat, WhatIsPinnedStaysWhenTheContextIsFull) {
  std::string lines = "keep me\n/pin 1\n";
  for (int i = 0; i < 6; ++i) lines += "tell me about the sea and the ships on it\n";
  const std::string text = shown(lines + "/history\n", {"--context", "192"});
  EXPECT_TRUE(has(text, "1 you     keep me (pinned)\n")) << text;
  EXPECT_TRUE(has(text, "on it (left out of the context)\n")) << text;
  EXPECT_TRUE(has(text, "[the oldest ")) << "nobody was told: " << text;
}

TEST_F(Chat, NothingIsLeftInTheCache) {
  const std::string left = parked("99999999"), foreign = parked("mine");
  fs::create_directories(fs::path(left) / "prefixes");
  fs::create_directories(foreign);
  shown("hello\n");
  for (const auto& entry : fs::directory_iterator(cache_ / "etbridge")) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name == "parked-mine" || !name.starts_with("parked-")) << name;
  }
}

TEST_F(Chat, ATerminalTakesCommandsAndKeys) {
  Terminal terminal({"chat", model_, "-n", "6"}, cache_.string());
  ASSERT_TRUE(terminal.sees("> ")) << terminal.screen();
  terminal.type("/help\n");
  ASSERT_TRUE(terminal.sees("another answer in place")) << terminal.screen();
  ASSERT_TRUE(terminal.sees("> ")) << terminal.screen();
  terminal.type("half a line\x03");  // Ctrl-C: that line is no more
  ASSERT_TRUE(terminal.sees("/quit leaves")) << terminal.screen();
  ASSERT_TRUE(terminal.sees("> ")) << terminal.screen();
  terminal.type("h\u00E9llo \U0001F600\n");  // whatever the locale
  ASSERT_TRUE(terminal.sees("tokens/s")) << terminal.screen();
  ASSERT_TRUE(terminal.sees("> ")) << terminal.screen();
  terminal.type("/history\n");
  ASSERT_TRUE(terminal.sees("1 you     h\u00E9llo \U0001F600")) << terminal.screen();
  ASSERT_TRUE(terminal.sees("> ")) << terminal.screen();
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_code(), 0) << terminal.screen();
}

// A model that says the same letter until the context is full.
class EndlessAnswer : public Chat {
 protected:
  void SetUp() override {
    Chat::SetUp();
    endless_ = only_letters(model_);
    for (const char* more : {"--context", "60000", "--no-lookup"}) endless_.push_back(more);
  }
  std::vector<std::string> with_endless(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), endless_.begin(), endless_.end());
    return arguments;
  }
  std::vector<std::string> endless_;
};

TEST_F(EndlessAnswer, CtrlCStopsItAndNotTheChat) {
  Terminal terminal(with_endless({"chat", model_}), cache_.string());
  ASSERT_TRUE(terminal.sees("> ")) << terminal.screen();
  terminal.type("go\n");
  ASSERT_TRUE(terminal.sees("AAAA")) << terminal.screen();
  terminal.type("\x03");
  ASSERT_TRUE(terminal.sees("; stopped]")) << terminal.screen();
  ASSERT_TRUE(terminal.sees("> ")) << terminal.screen();
  terminal.type("/history\n");
  ASSERT_TRUE(terminal.sees("1 you     go\r\n    model   AAAA")) << "what was said is kept";
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.exit_code(), 0) << terminal.screen();
}

TEST_F(EndlessAnswer, CtrlCEndsARunAndKeepsItsSession) {
  const std::string session = file("talk.etbs").string();
  Terminal terminal(with_endless({"run", model_, "-p", "go", "--session", session}),
                    cache_.string());
  ASSERT_TRUE(terminal.sees("AAAA")) << terminal.screen();
  terminal.type("\x03");
  EXPECT_EQ(terminal.exit_code(), 130) << terminal.screen();
  const std::string text = shown(concat("/load ", session, "\n/history\n"));
  EXPECT_TRUE(has(text, "1 you     go\n    model   AAAA")) << text;
}

}  // namespace
}  // namespace etb::cli_test
