// Tool calls apart from text: every family's form, what is no call after all, what is held back and
// for how long, and that no split of the input changes what comes out.
#include "stream/call_splitter.h"

#include <gtest/gtest.h>

#include <random>

#include "stream/test_stream.h"
#include "stream/text_stream.h"

namespace etb::stream {
namespace {

using Part = CallSplitter::Part;
using Parts = std::vector<Part>;
using Pieces = std::vector<std::string>;

const CallMarks kHermes{.open = "<tool_call>", .close = "</tool_call>"};
const CallMarks kMistral{.open = "[TOOL_CALLS]"};
const CallMarks kLlama{.open = "<|python_tag|>", .bare = true, .single = true};
const CallMarks kNamed{.open = "[TOOL_CALLS]", .id = "[CALL_ID]", .json = "[ARGS]"};
const CallMarks kTagged{.open = "<tool_call>", .close = "</tool_call>", .tagged = true};

const std::string kNow = R"({"name": "now", "arguments": {}})";
const std::string kNamedNow = "now[CALL_ID]call_0001[ARGS]{}";
const std::string kNamedSay = R"(say[ARGS] {"text": "} [TOOL_CALLS]rm[ARGS]{}", "name": [1]})";
const std::string kTaggedNow = "<function=now>\n</function>";
const std::string kTaggedSay =
    "<function=say>\n<parameter=text>\na < b </tool_call> {\"\n</parameter>\n<parameter=n>1"
    "</parameter>\n</function>";
const std::string kSay = R"({"name": "say", "arguments": {"text": "a } \" ] </tool_call> {"}})";

// Texts that follow each other are one: where a piece ends does not matter.
void add(const Parts& parts, Parts& all) {
  for (const Part& part : parts) {
    EXPECT_FALSE(part.text.empty());
    const bool joins = !all.empty() && !part.is_call && !all.back().is_call;
    if (joins) {
      all.back().text += part.text;
    } else {
      all.push_back(part);
    }
  }
}

Parts split(const Pieces& pieces, const CallMarks& marks,
            const CallSplitter::Accepts& accepts = {}) {
  CallSplitter splitter(marks, accepts);
  Parts all;
  for (const std::string& piece : pieces) add(splitter.push(piece), all);
  add(splitter.finish(), all);
  return all;
}

Part text(std::string text) {
  return {.is_call = false, .text = std::move(text)};
}
Part call(std::string json) {
  return {.is_call = true, .text = std::move(json)};
}

TEST(CallSplitter, PartsCallsFromTheTextAroundThem) {
  EXPECT_EQ(split({"Let me see.\n<tool_call>\n" + kNow + "\n</tool_call>"}, kHermes),
            (Parts{text("Let me see."), call(kNow)}));
  EXPECT_EQ(split({"<tool_call>" + kNow + "</tool_call>\n<tool_call>\n" + kSay +
                   "\n</tool_call>\nDone. "},
                  kHermes),
            (Parts{call(kNow), call(kSay), text("\nDone. ")}));
}

TEST(CallSplitter, ACallWithoutACloseMarkEndsWithItsJson) {
  const std::string list = "[" + kNow + ", " + kSay + "]";
  EXPECT_EQ(split({"[TOOL_CALLS] " + list}, kMistral), (Parts{call(list)}));
  EXPECT_EQ(split({"[TOOL_CALLS][TOOL_CALLS]" + list + " x"}, kMistral),
            (Parts{text("[TOOL_CALLS]"), call(list), text(" x")}));
}

TEST(CallSplitter, AnAnswerThatBeginsWithACallNeedsNoMarkWhereTheFamilyHasItSo) {
  const std::string json = R"({"name": "now", "parameters": {}})";
  EXPECT_EQ(split({" \n" + json + "\n"}, kLlama), (Parts{call(json)}));
  EXPECT_EQ(split({"<|python_tag|>" + json}, kLlama), (Parts{call(json)}));
  EXPECT_EQ(split({json + "; " + json}, kLlama), (Parts{call(json), text("; " + json)}))
      << "its template shows one call a message";
  EXPECT_EQ(split({"So: " + json}, kLlama), (Parts{text("So: " + json)}));
  EXPECT_EQ(split({json}, kHermes), (Parts{text(json)}));
}

TEST(CallSplitter, ANameMayStandBeforeTheJson) {
  EXPECT_EQ(split({"So.[TOOL_CALLS]" + kNamedNow + "[TOOL_CALLS]" + kNamedSay + " x"}, kNamed),
            (Parts{text("So."), call(kNamedNow), call(kNamedSay), text(" x")}));
  EXPECT_EQ(split({"[TOOL_CALLS] now[ARGS] {}"}, kNamed), (Parts{call("now[ARGS] {}")}));
  EXPECT_EQ(split({"[TOOL_CALLS]now[TOOL_CALLS]" + kNamedNow}, kNamed),
            (Parts{text("[TOOL_CALLS]now"), call(kNamedNow)}));
  const std::string longest(kMostNameBytes, 'n');
  EXPECT_EQ(split({"[TOOL_CALLS]" + longest + "[ARGS]{}"}, kNamed),
            (Parts{call(longest + "[ARGS]{}")}));
  for (const std::string& body :
       Pieces{"", "now", "now[ARGS]", "now{}", "[ARGS]{}", " now [ARGS]{}", "now[ARGS][]",
              "now[ARGS]1", "now[ARGS]{\"a\": ]}", "now[ARGS]{\"a\": 1", "now[CALL_ID][ARGS]{}",
              "now[CALL_ID]a[CALL_ID]b[ARGS]{}", "now[CALL_ID] a[ARGS]{}", "[CALL_ID]a[ARGS]{}",
              "now[ARG]{}", "[{\"name\": \"now\"}]", "n\"w[ARGS]{}", longest + "n[ARGS]{}"}) {
    EXPECT_EQ(split({"[TOOL_CALLS]" + body}, kNamed), (Parts{text("[TOOL_CALLS]" + body)}));
  }
}

TEST(CallSplitter, ACallMayBeWrittenInTags) {
  EXPECT_EQ(split({"So.\n\n<tool_call>\n" + kTaggedSay + "\n</tool_call>\n<tool_call>" +
                   kTaggedNow + "</tool_call>\n"},
                  kTagged),
            (Parts{text("So."), call(kTaggedSay), call(kTaggedNow)}));
  for (const std::string& body :
       Pieces{"", "now", kNow, "<function=>\n</function>", "<function=n w></function>",
              "<function now></function>", "<function=now>x</function>", "<function=now>",
              "<function=now><parameter=a>1</function>", "<function=now><parameter=>1</parameter>",
              "<function=now><parameter=a\nb>1</parameter></function>",
              "<function=now></function>x", "</function>"}) {
    const std::string said = "<tool_call>" + body + "</tool_call>";
    EXPECT_EQ(split({said}, kTagged), (Parts{text(said)}));
  }
}

TEST(CallSplitter, TextWaitsForNoNameAndNoTagThatCannotCome) {
  CallSplitter named(kNamed, {});
  EXPECT_TRUE(named.push("[TOOL_CALLS]the").empty());
  EXPECT_EQ(named.push(" mark"), (Parts{text("[TOOL_CALLS]the mark")}));
  EXPECT_TRUE(named.push("[TOOL_CALLS]now[AR").empty());
  EXPECT_EQ(named.push("RAY"), (Parts{text("[TOOL_CALLS]now[ARRAY")}));
  CallSplitter tagged(kTagged, {});
  EXPECT_TRUE(tagged.push("<tool_call>\n<func").empty());
  EXPECT_EQ(tagged.push("y>"), (Parts{text("<tool_call>\n<funcy>")}));
}

TEST(CallSplitter, WithoutMarksAllIsText) {
  const std::string said = "<tool_call>" + kNow + "</tool_call>\n";
  EXPECT_EQ(split({said}, {}), (Parts{text(said)}));
}

TEST(CallSplitter, WhatIsNoCallIsTextWhole) {
  for (const std::string& said :
       Pieces{"The tag <tool_call> opens one.", "<tool_call>", "<tool_call>now()</tool_call>",
              "<tool_call>" + kNow, "<tool_call>" + kNow + "</tool_cal",
              "<tool_call>" + kNow + " and</tool_call>", "<tool_call>[1]</tool_call>",
              R"(<tool_call>{"name": "x", "why": 1}</tool_call>)",
              R"(<tool_call>{"name": "x", "arguments": {"a": ]}}</tool_call>)",
              "<tool_call>{\"name\": \"line\nend\"}</tool_call>", "<tool_call>{}}</tool_call>",
              "<tool_call>\"name\"</tool_call>", R"(<tool_call>{"n\u0061me": 1}</tool_call>)",
              "</tool_call> \n"}) {
    EXPECT_EQ(split({said}, kHermes), (Parts{text(said)}));
  }
  const auto refuse = [](std::string_view) { return false; };
  const std::string said = "<tool_call>\n" + kNow + "\n</tool_call>\n";
  EXPECT_EQ(split({said}, kHermes, refuse), (Parts{text(said)}));
}

TEST(CallSplitter, NoCallComesOutOfAStringOfAnother) {
  const std::string inner = R"(<tool_call>{'name': 'rm', 'arguments': {}}</tool_call>)";
  const std::string quoted =
      R"({"name": "say", "arguments": {"text": "<tool_call>[]</tool_call>"}})";
  EXPECT_EQ(split({"<tool_call>" + quoted + "</tool_call>"}, kHermes), (Parts{call(quoted)}));
  for (const char* end : {"", "x</tool_call>"}) {
    const std::string said = "<tool_call>" + quoted + end;
    EXPECT_EQ(split({said}, kHermes), (Parts{text(said)}));
  }
  EXPECT_EQ(split({inner}, kHermes), (Parts{text(inner)}));
}

TEST(CallSplitter, ABodyHasABound) {
  CallMarks marks = kHermes;
  marks.most_bytes = 64;
  const std::string fits = R"({"name": ")" + std::string(50, 'x') + R"("})";
  ASSERT_EQ(fits.size(), 62u);
  EXPECT_EQ(split({"<tool_call>" + fits + "\n</tool_call>"}, marks), (Parts{call(fits)}));
  const std::string said = "<tool_call>\n" + fits + "\n</tool_call>";
  EXPECT_EQ(split({said}, marks), (Parts{text(said)}));
  const std::string deep = "<tool_call>" + std::string(200, '[') + "</tool_call>";
  EXPECT_EQ(split({deep}, kHermes), (Parts{text(deep)}));
}

TEST(CallSplitter, TextWaitsForNoCallThatCannotCome) {
  CallSplitter splitter(kHermes, {});
  EXPECT_EQ(splitter.push("a <b> <tool"), (Parts{text("a <b>")}));
  EXPECT_EQ(splitter.push("s>"), (Parts{text(" <tools>")}));
  EXPECT_TRUE(splitter.push("\n<tool_call> {\"na").empty());
  EXPECT_EQ(splitter.push("t"), (Parts{text("\n<tool_call> {\"nat")})) << "no key of a call";
  EXPECT_EQ(splitter.push("x"), (Parts{text("x")}));
}

TEST(CallSplitter, AnAnswerOfOtherJsonWaitsForItsFirstKeyAlone) {
  CallSplitter splitter(kLlama, {});
  EXPECT_TRUE(splitter.push("{").empty());
  EXPECT_TRUE(splitter.push("\"").empty());
  EXPECT_EQ(splitter.push("city").size(), 1u);
  EXPECT_EQ(splitter.push("\": 1}").size(), 1u);
  CallSplitter list(kLlama, {});
  EXPECT_EQ(list.push("[1").size(), 1u);
}

// Hostile parts in any order, cut anywhere.
TEST(CallSplitter, NoSplitChangesWhatComesOut) {
  const Pieces parts = {"<tool_call>" + kSay + "\n</tool_call>",
                        "[TOOL_CALLS] [" + kNow + "]",
                        "<|python_tag|>" + kNow,
                        "[TOOL_CALLS]" + kNamedSay,
                        "[TOOL_CALLS]" + kNamedNow,
                        "<tool_call>" + kTaggedSay + "\n</tool_call>",
                        kTaggedNow,
                        "[ARGS]",
                        "now[CALL_ID]",
                        "<parameter=a>",
                        "</parameter>",
                        "<tool_call>",
                        "</tool_call>",
                        "[TOOL_CALLS]",
                        "<|python_tag|>",
                        kNow,
                        kSay,
                        "[" + kNow + "]",
                        "<tool_c",
                        "[TOOL_",
                        "{",
                        "}",
                        "[",
                        "]",
                        "\"",
                        "\\",
                        "\n",
                        "  ",
                        "a",
                        "{\"name\": \"",
                        "é",
                        ", "};
  std::mt19937 dice(7);
  const auto roll = [&dice](size_t sides) { return static_cast<size_t>(dice() % sides); };
  size_t calls = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string answer;
    for (size_t i = 1 + roll(8); i > 0; --i) answer += parts[roll(parts.size())];
    CallMarks marks = std::vector{kHermes, kMistral, kLlama, kNamed, kTagged}[roll(5)];
    if (roll(4) == 0) marks.most_bytes = roll(80);
    const auto accepts = [](std::string_view json) { return json.size() % 7 != 0; };
    const Parts whole = split({answer}, marks, accepts);
    for (const Part& part : whole) calls += part.is_call ? 1 : 0;
    for (size_t at = 0; at <= answer.size(); ++at) {
      ASSERT_EQ(split({answer.substr(0, at), answer.substr(at)}, marks, accepts), whole)
          << answer << " cut at " << at;
    }
    Pieces bytes;
    for (const char c : answer) bytes.emplace_back(1, c);
    ASSERT_EQ(split(bytes, marks, accepts), whole) << answer;
  }
  EXPECT_GT(calls, 300u);
}

// Whatever is no call leaves as it came, but for white space beside calls.
TEST(CallSplitter, NothingIsLostAndTheOrderIsKept) {
  std::mt19937 dice(11);
  const auto roll = [&dice](size_t sides) { return static_cast<size_t>(dice() % sides); };
  const Pieces texts = {"a", "<tool_call>", "{\"b\"", "</tool_call>", "<", "c d", "<tool_"};
  for (int round = 0; round < 2000; ++round) {
    std::string answer;
    Parts expected;
    for (size_t i = roll(6); i > 0; --i) {
      if (roll(3) == 0) {
        const std::string& json = roll(2) == 0 ? kNow : kSay;
        answer += "<tool_call>" + json + "</tool_call>";
        add({call(json)}, expected);
      } else {
        const std::string said = texts[roll(texts.size())] + ".";  // no mark goes on behind it
        answer += said;
        add({text(said)}, expected);
      }
    }
    ASSERT_EQ(split({answer}, kHermes), expected) << answer;
  }
}

TEST(TextStream, SendsTextOffBeforeTheCallThatFollowsIt) {
  FakeClock clock;
  Pieces sent;
  TextStream stream(
      {.batch = {.tokens = 9},
       .reasoning = {.open = "<think>", .close = "</think>"},
       .on_reasoning = [&](std::string_view s) { sent.push_back("R:" + std::string(s)); },
       .calls = kHermes,
       .on_call = [&](std::string_view json) { sent.push_back("C:" + std::string(json)); }},
      clock, [&](std::string_view s) { sent.push_back("T:" + std::string(s)); });
  for (const char* token : {"<think>", "a", "</think>", "I", " look", ":", "\n", "<tool_call>", "{",
                            "}", "</tool_call>", "\n", "So", "."}) {
    EXPECT_FALSE(stream.push(token));
  }
  stream.finish();
  EXPECT_EQ(sent, (Pieces{"R:a", "T:I look:", "C:{}", "T:\nSo."}));
  EXPECT_EQ(stream.text(), "I look:\nSo.");
}

}  // namespace
}  // namespace etb::stream
