// The text pipeline by example and by property: any split of any bytes gives the same text, every
// piece is whole UTF-8, and no character of a stop string leaks.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "stream/event_queue.h"
#include "stream/test_stream.h"
#include "stream/text_stream.h"

namespace etb::stream {
namespace {

std::string assemble(const std::vector<std::string>& pieces) {
  Utf8Assembler assembler;
  std::string out;
  for (const std::string& piece : pieces) {
    assembler.push(piece, out);
    EXPECT_LE(assembler.held_bytes(), 3u);
  }
  assembler.finish(out);
  return out;
}

TEST(Utf8Assembler, JoinsCharactersAcrossPieces) {
  EXPECT_EQ(assemble({"a\xC3", "\xA9", "\xF0\x9F", "\x98", "\x80!"}), "aé😀!");
}

TEST(Utf8Assembler, ReplacesEachMaximalIllFormedPart) {
  EXPECT_EQ(assemble({"\xFF"}), "\uFFFD");
  EXPECT_EQ(assemble({"\xC0\xAF"}), "\uFFFD\uFFFD");            // overlong
  EXPECT_EQ(assemble({"\xED\xA0\x80"}), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(assemble({"\xF0\x9F\x98", "x"}), "\uFFFDx");        // cut short by another character
  EXPECT_EQ(assemble({"\xF4\x90\x80\x80"}), "\uFFFD\uFFFD\uFFFD\uFFFD");  // beyond U+10FFFF
  EXPECT_EQ(assemble({"ok\xE2\x82"}), "ok\uFFFD");                        // the input ends inside
}

// Bytes with a taste for the interesting ones.
std::string random_bytes(std::mt19937& rng, size_t size) {
  static const std::string kinds[] = {"a",    "é",        "€",        "😀",    "\x80",
                                      "\xC3", "\xE2\x82", "\xF0\x9F", "\xFF", "\n"};
  std::string text;
  while (text.size() < size) text += kinds[rng() % std::size(kinds)];
  return text;
}

std::vector<std::string> random_split(std::mt19937& rng, const std::string& text) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size();) {
    const size_t n = std::min<size_t>(rng() % 5, text.size() - at);
    pieces.push_back(text.substr(at, n));
    at += n;
  }
  return pieces;
}

TEST(Utf8Assembler, AnySplitGivesTheSameText) {
  std::mt19937 rng(7);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = random_bytes(rng, rng() % 40);
    EXPECT_EQ(assemble(random_split(rng, text)), assemble({text}));
  }
}

TEST(StopFilter, CutsAtTheStopAndHoldsOnlyPossiblePrefixes) {
  StopFilter filter({"STOP"});
  std::string out;
  EXPECT_FALSE(filter.push("go ST", out));
  EXPECT_EQ(out, "go ");
  EXPECT_FALSE(filter.push("ART S", out));
  EXPECT_EQ(out, "go START ");
  EXPECT_TRUE(filter.push("TOP and more", out));
  EXPECT_EQ(out, "go START ");
  EXPECT_EQ(filter.matched(), "STOP");
  EXPECT_TRUE(filter.push("nothing leaves any more", out));
  filter.finish(out);
  EXPECT_EQ(out, "go START ");
}

TEST(StopFilter, AHeldPrefixLeavesAtTheEnd) {
  StopFilter filter({"\n\nUser"});
  std::string out;
  EXPECT_FALSE(filter.push("bye\n\n", out));
  EXPECT_EQ(out, "bye");
  filter.finish(out);
  EXPECT_EQ(out, "bye\n\n");
}

TEST(StopFilter, TheOneCompleteFirstWins) {
  StopFilter filter({"abcdef", "cd"});
  std::string out;
  EXPECT_TRUE(filter.push("xabcdef", out));
  EXPECT_EQ(out, "xab");
  EXPECT_EQ(filter.matched(), "cd");
}

TEST(StopFilter, OfTwoCompleteTogetherTheLongestWins) {
  StopFilter filter({"d", "bcd"});
  std::string out;
  EXPECT_TRUE(filter.push("abcd", out));
  EXPECT_EQ(out, "a");
}

TEST(StopFilter, AnySplitEqualsTheDefinitionAndNothingLeaks) {
  std::mt19937 rng(11);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (size_t n = rng() % 30; n > 0; --n) text += "abc"[rng() % 3];
    std::vector<std::string> stops;
    for (size_t n = 1 + rng() % 3; n > 0; --n) {
      std::string stop;
      for (size_t m = 1 + rng() % 4; m > 0; --m) stop += "abc"[rng() % 3];
      stops.push_back(stop);
    }
    StopFilter filter(stops);
    std::string out;
    const std::string expected = cut_by_definition(text, stops);
    for (const std::string& piece : random_split(rng, text)) {
      filter.push(piece, out);
      ASSERT_TRUE(expected.starts_with(out)) << text;
    }
    filter.finish(out);
    ASSERT_EQ(out, expected) << text;
  }
}

// When each message left and what was in it, if token i ("a", "b", ...) comes at `times[i]`.
std::vector<std::pair<int64_t, std::string>> messages_for(const BatchOptions& options,
                                                          const std::vector<int64_t>& times) {
  FakeClock clock;
  std::vector<std::pair<int64_t, std::string>> sent;
  Batcher batcher(options, clock,
                  [&](std::string_view s) { sent.emplace_back(clock.now, std::string(s)); });
  for (size_t i = 0; i < times.size(); ++i) {
    clock.now = times[i];
    batcher.push(std::string(1, static_cast<char>('a' + i)));
  }
  batcher.finish();
  return sent;
}

using Sent = std::vector<std::pair<int64_t, std::string>>;
constexpr BatchOptions kThreeOrFifty{.tokens = 3, .interval_ns = 50};

TEST(Batcher, TheFirstTokenLeavesAtOnceThenThreeByThree) {
  EXPECT_EQ(messages_for(kThreeOrFifty, {900, 901, 902, 903, 904}),
            (Sent{{900, "a"}, {903, "bcd"}, {904, "e"}}));
}

TEST(Batcher, WhatIsPendingLeavesWhenTheIntervalIsOver) {
  EXPECT_EQ(messages_for(kThreeOrFifty, {0, 1, 60, 61, 62}),
            (Sent{{0, "a"}, {60, "bc"}, {61, "d"}, {62, "e"}}))
      << "after a gap of 59 another one like it is expected";
}

TEST(Batcher, NoTokenWaitsForOneThatIsExpectedAfterTheInterval) {
  // Every 20: the third would come at 60, so two make a message.
  EXPECT_EQ(messages_for(kThreeOrFifty, {0, 20, 40, 60, 80}),
            (Sent{{0, "a"}, {40, "bc"}, {80, "de"}}));
  // Every 40: the second would come at 80.
  EXPECT_EQ(messages_for(kThreeOrFifty, {0, 40, 80, 120}),
            (Sent{{0, "a"}, {40, "b"}, {80, "c"}, {120, "d"}}));
  // Every 25: exactly at the end is in time.
  EXPECT_EQ(messages_for(kThreeOrFifty, {0, 25, 50, 75}), (Sent{{0, "a"}, {50, "bc"}, {75, "d"}}));
}

TEST(Batcher, AtASteadyPaceNothingWaitsLongerThanTheInterval) {
  for (int64_t gap = 1; gap <= 120; ++gap) {
    std::vector<int64_t> times;
    for (int64_t i = 0; i < 26; ++i) times.push_back(i * gap);
    size_t token = 0;
    for (const auto& [at, text] : messages_for(kThreeOrFifty, times)) {
      EXPECT_LE(at - times[token], 50) << "gap " << gap << ", token " << token;
      EXPECT_LE(text.size(), 3U);
      token += text.size();
    }
  }
}

TEST(Batcher, ThePromptsTimeIsNoGap) {
  EXPECT_EQ(messages_for(kThreeOrFifty, {5000, 5001, 5002, 5003}),
            (Sent{{5000, "a"}, {5003, "bcd"}}));
}

TEST(Batcher, AClockThatJumpsLosesNothing) {
  for (const int64_t jump : {int64_t{-1'000'000}, int64_t{1'000'000}}) {
    std::string sum;
    for (const auto& [at, text] : messages_for(kThreeOrFifty, {0, 1, jump, jump + 1, 2, 3, 4})) {
      sum += text;
    }
    EXPECT_EQ(sum, "abcdefg");
  }
}

TEST(Batcher, EmptyTextIsNeverSent) {
  FakeClock clock;
  int calls = 0;
  Batcher batcher({}, clock, [&](std::string_view) { ++calls; });
  for (int i = 0; i < 10; ++i) batcher.push("");
  batcher.finish();
  EXPECT_EQ(calls, 0);
}

TEST(EventQueue, TheLastEventComesLastAndClosesIt) {
  EventQueue<int> queue;
  queue.push(1);
  queue.push_last(2);
  queue.push(3);
  queue.push_last(4);
  EXPECT_FALSE(queue.exhausted());
  EXPECT_EQ(queue.try_pop(), 1);
  EXPECT_EQ(queue.pop(std::chrono::seconds(1)), 2);
  EXPECT_TRUE(queue.exhausted());
  EXPECT_EQ(queue.pop(std::chrono::seconds(1)), std::nullopt);
}

TEST(EventQueue, AWakeupThatWasReplacedIsOver) {
  for (int round = 0; round < 200; ++round) {
    EventQueue<int> queue;
    auto alive = std::make_unique<std::atomic<bool>>(true);
    std::atomic<bool> begun{false};
    std::atomic<bool> too_late{false};
    queue.set_wakeup([&, flag = alive.get()] {
      begun = true;
      std::this_thread::yield();
      if (!*flag) too_late = true;
    });
    std::thread pusher([&] {
      for (int i = 0; i < 20; ++i) queue.push(i);
    });
    while (!begun) std::this_thread::yield();
    queue.set_wakeup(nullptr);
    *alive = false;
    pusher.join();
    EXPECT_FALSE(too_late);
  }
}

TEST(EventQueue, AWakeupMayReplaceItself) {
  EventQueue<int> queue;
  int calls = 0;
  const auto big = std::make_shared<int>(7);
  queue.set_wakeup([&, big] {
    ++calls;
    queue.set_wakeup(nullptr);
    EXPECT_EQ(*big, 7) << "what runs is still there";
  });
  queue.push(1);
  queue.push(2);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace etb::stream
