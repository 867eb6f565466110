// The pipeline as a whole against its definition, thousands of random answers: any text in any
// tokens, with any stop strings and batches, leaves as the one-shot decode cut at the first stop.
// The definitions here are written from the standards, not from the code under test.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "stream/test_stream.h"
#include "stream/text_stream.h"

namespace etb::stream {
namespace {

// The WHATWG Encoding Standard's UTF-8 decoder, step by step, with U+FFFD for errors. `more`: the
// text goes on, so a character that is unfinished at its end is not there yet.
std::string one_shot_decode(const std::string& bytes, bool more = false) {
  std::string out, character;
  int needed = 0;
  int lower = 0x80, upper = 0xBF;
  const auto reset = [&] {
    character.clear();
    needed = 0;
    lower = 0x80;
    upper = 0xBF;
  };
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int byte = static_cast<unsigned char>(bytes[i]);
    if (needed == 0) {
      character = bytes[i];
      if (byte <= 0x7F) {
        out += bytes[i];
      } else if (byte >= 0xC2 && byte <= 0xDF) {
        needed = 1;
      } else if (byte >= 0xE0 && byte <= 0xEF) {
        if (byte == 0xE0) lower = 0xA0;
        if (byte == 0xED) upper = 0x9F;
        needed = 2;
      } else if (byte >= 0xF0 && byte <= 0xF4) {
        if (byte == 0xF0) lower = 0x90;
        if (byte == 0xF4) upper = 0x8F;
        needed = 3;
      } else {
        out += "\uFFFD";
      }
      continue;
    }
    if (byte < lower || byte > upper) {
      reset();
      out += "\uFFFD";
      --i;  // the byte is looked at again
      continue;
    }
    lower = 0x80;
    upper = 0xBF;
    character += bytes[i];
    if (--needed == 0) {
      out += character;
      reset();
    }
  }
  if (needed > 0 && !more) out += "\uFFFD";
  return out;
}

// The most of `text` that may be shown while more may come: not what may yet become a stop string.
size_t certain(const std::string& text, const std::vector<std::string>& stops) {
  size_t held = 0;
  for (const std::string& stop : stops) {
    for (size_t n = 1; n < stop.size() && n <= text.size(); ++n) {
      if (text.ends_with(stop.substr(0, n))) held = std::max(held, n);
    }
  }
  return text.size() - held;
}

using Pieces = std::vector<std::string>;

std::string pick(std::mt19937& rng, const Pieces& pieces, size_t count) {
  std::string text;
  for (; count > 0; --count) text += pieces[rng() % pieces.size()];
  return text;
}

// Few letters, so that stop strings are often nearly there; whole characters of every length, ones
// that belong together (joined emoji, combining accents, flags), and bytes that are none.
const Pieces& text_pieces(std::mt19937& rng) {
  static const Pieces kPlain = {"a", "b", "ab", "\n"};
  static const Pieces kWide = {"a", "é", "e\u0301", "€", "😀", "👩\u200D👩\u200D👧", "🇩🇪", "\uFFFD"};
  static const Pieces kBroken = {"a",    "é",        "😀",        "\x80", "\xC3", "\xE2\x82",
                                 "\xF0", "\xF0\x9F", "\xED\xA0", "\xFF", "\xC0", "\xF4\x90"};
  const Pieces* const all[] = {&kPlain, &kWide, &kBroken};
  return *all[rng() % std::size(all)];
}

// 1 to 5 of them: parts of the text, with shared beginnings, one inside the other, or unrelated.
Pieces random_stops(std::mt19937& rng, const std::string& decoded, const Pieces& letters) {
  Pieces stops;
  for (size_t n = 1 + rng() % 5; n > 0; --n) {
    switch (rng() % 4) {
      case 0:
        stops.push_back(one_shot_decode(pick(rng, letters, 1 + rng() % 3)));
        break;
      case 1:
        if (!stops.empty()) {
          stops.push_back(stops.back() + one_shot_decode(pick(rng, letters, 1)));
          break;
        }
        [[fallthrough]];
      default: {
        const size_t at = decoded.empty() ? 0 : rng() % decoded.size();
        stops.push_back(one_shot_decode(decoded.substr(at, 1 + rng() % 30)));
      }
    }
  }
  if (rng() % 8 == 0) stops.emplace_back();  // an empty one is none
  return stops;
}

Pieces random_tokens(std::mt19937& rng, const std::string& bytes) {
  const size_t longest = 1 + rng() % 6;
  Pieces tokens;
  for (size_t at = 0; at < bytes.size();) {
    const size_t n = std::min<size_t>(rng() % (longest + 1), bytes.size() - at);
    tokens.push_back(bytes.substr(at, n));
    at += n;
  }
  return tokens;
}

struct Streamed {
  std::string sum;
  std::string matched;
  bool stopped = false;
};

// Pushes the tokens at random times; every message must be whole UTF-8, and all of them so far a
// beginning of `expected`.
Streamed streamed(const Pieces& tokens, const StreamOptions& options, const std::string& expected,
                  std::mt19937& rng) {
  FakeClock clock;
  Streamed result;
  TextStream stream(options, clock, [&](std::string_view piece) {
    EXPECT_FALSE(piece.empty());
    EXPECT_EQ(one_shot_decode(std::string(piece)), piece) << "a piece that is not whole UTF-8";
    result.sum += piece;
    EXPECT_TRUE(expected.starts_with(result.sum)) << "leaked: " << result.sum;
  });
  for (const std::string& token : tokens) {
    clock.now += static_cast<int64_t>(rng() % 80'000'000);
    result.stopped = stream.push(token);
    if (result.stopped) break;
  }
  stream.finish();
  EXPECT_EQ(stream.text(), result.sum);
  result.matched = stream.matched_stop();
  return result;
}

TEST(StreamProperties, AnyTokensGiveTheOneShotDecodeCutAtTheFirstStop) {
  std::mt19937 rng(3);
  int stopped = 0;
  for (int round = 0; round < 6000; ++round) {
    const Pieces& letters = text_pieces(rng);
    const std::string bytes = pick(rng, letters, rng() % 40);
    const std::string decoded = one_shot_decode(bytes);
    StreamOptions options;
    if (rng() % 10 != 0) options.stops = random_stops(rng, decoded, letters);
    const std::string expected = cut_by_definition(decoded, options.stops);
    const Pieces tokens = random_tokens(rng, bytes);

    const Streamed usual = streamed(tokens, options, expected, rng);
    ASSERT_EQ(usual.sum, expected) << "round " << round;
    ASSERT_TRUE(!usual.stopped || !usual.matched.empty());
    if (!usual.matched.empty()) {
      ++stopped;
      ASSERT_TRUE(decoded.substr(expected.size()).starts_with(usual.matched));
    } else {
      ASSERT_EQ(expected, decoded);
    }
    // Batches and the way the text is cut into tokens change nothing.
    options.batch = {.tokens = static_cast<int>(rng() % 12),
                     .interval_ns = static_cast<int64_t>(rng() % 200'000'000)};
    const Streamed other = streamed(random_tokens(rng, bytes), options, expected, rng);
    ASSERT_EQ(other.sum, expected) << "round " << round;
    ASSERT_EQ(other.matched, usual.matched);
    if (HasFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(stopped, 2000);
}

TEST(StreamProperties, WhatIsCertainLeavesAtOnceAndNothingElse) {
  std::mt19937 rng(4);
  for (int round = 0; round < 4000; ++round) {
    const Pieces& letters = text_pieces(rng);
    const std::string bytes = pick(rng, letters, rng() % 30);
    const Pieces stops = random_stops(rng, one_shot_decode(bytes), letters);
    FakeClock clock;
    std::string sum, seen;
    TextStream stream({.stops = stops, .batch = {.tokens = 1}}, clock,
                      [&](std::string_view piece) { sum += piece; });
    for (const std::string& token : random_tokens(rng, bytes)) {
      if (stream.push(token)) break;
      seen += token;
      const std::string whole = one_shot_decode(seen, true);
      ASSERT_EQ(sum, whole.substr(0, certain(whole, stops))) << "round " << round;
    }
  }
}

TEST(StreamProperties, AStopStringMaySpanManyTokens) {
  const std::string stop = "</answer> 👩\u200D👧 the end of all";
  for (size_t size = 1; size <= 5; ++size) {
    std::mt19937 rng(static_cast<unsigned>(size));
    const std::string bytes = "kept </answer> 👩\u200D👧 the end of <" + stop + " never seen";
    Pieces tokens;
    for (size_t at = 0; at < bytes.size(); at += size) tokens.push_back(bytes.substr(at, size));
    const Streamed result = streamed(tokens, {.stops = {stop}, .batch = {}},
                                     "kept </answer> 👩\u200D👧 the end of <", rng);
    EXPECT_EQ(result.sum, "kept </answer> 👩\u200D👧 the end of <");
    EXPECT_EQ(result.matched, stop);
  }
}

}  // namespace
}  // namespace etb::stream
