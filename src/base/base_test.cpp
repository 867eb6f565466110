// The contract of Status, Result, the log sink and the small helpers, by example.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/ahead.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/short_text.h"
#include "base/status.h"
#include "base/text.h"

namespace etb {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Status(StatusCode::InvalidArgument, concat(n, " is odd"));
  return n / 2;
}

Result<int> quarter(int n) {
  ETB_ASSIGN_OR_RETURN(const int h, half(n));
  return half(h);
}

TEST(ShortText, IsComparedWhateverItsLength) {
  for (size_t length = 0; length <= 40; ++length) {
    const std::string text =
        std::string("0123456789abcdefghijklmnopqrstuvwxyzABCDE").substr(0, length);
    EXPECT_TRUE(same_text(text, std::string(text)));
    EXPECT_FALSE(same_text(text, text + "x"));
    for (size_t at = 0; at < length; ++at) {
      std::string other = text;
      other[at] = '!';
      EXPECT_FALSE(same_text(text, other)) << length << " " << at;
      EXPECT_TRUE(same_text(text, text.substr(0, at), text.substr(at)));
      EXPECT_FALSE(same_text(text, other.substr(0, 7), other.substr(std::min<size_t>(length, 7))));
    }
  }
  // Not literals: g++ 12 warns, under the sanitizers, of loads from them that are never made.
  const std::vector<std::string> texts = {"abc", "ab", "cd"};
  EXPECT_FALSE(same_text(texts[0], texts[1], texts[2]));
}

TEST(LookAhead, UsesEachInOrderWithWhatWasFoundForIt) {
  for (const size_t count : {size_t{0}, size_t{1}, kAhead, 3 * kAhead + 1}) {
    std::vector<size_t> seen;
    look_ahead(
        count, [](size_t i) { return 10 * i; },
        [&](size_t i, size_t found) {
          EXPECT_EQ(found, 10 * i);
          seen.push_back(i);
        });
    ASSERT_EQ(seen.size(), count);
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(seen[i], i);
  }
}

TEST(Status, OkIsEmptyAndErrorsCarryCodeAndText) {
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status().to_string(), "Ok");
  Status bad(StatusCode::Corrupt, "bad magic");
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.with_context("a.gguf").to_string(), "Corrupt: a.gguf: bad magic");
  Status copy = bad;
  EXPECT_EQ(copy.message(), "bad magic");
}

TEST(Status, ErrorCodeOkWithTextIsOk) {
  EXPECT_TRUE(Status(StatusCode::Ok, "ignored").ok());
}

TEST(Result, ValueOrReason) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).status().message(), "3 is odd");
  EXPECT_EQ(quarter(5).status().message(), "5 is odd");
}

TEST(Result, AnOkStatusIsNoErrorAndBecomesInternal) {
  EXPECT_EQ(Result<int>(Status()).status().code(), StatusCode::Internal);
}

TEST(Log, GoesToTheSinkOrNowhere) {
  std::vector<std::string> lines;
  set_log_sink(
      [](void* user, LogLevel, std::string_view message) {
        static_cast<std::vector<std::string>*>(user)->emplace_back(message);
      },
      &lines);
  log(LogLevel::Info, "heard");
  set_log_sink(nullptr, nullptr);
  log(LogLevel::Info, "unheard");
  EXPECT_EQ(lines, std::vector<std::string>{"heard"});
}

TEST(Text, HexHasSixteenDigits) {
  EXPECT_EQ(hex(0), "0000000000000000");
  EXPECT_EQ(hex(0xDEADBEEF12345678), "deadbeef12345678");
}

TEST(Clock, DoesNotGoBack) {
  const int64_t a = Clock::system().now_ns();
  EXPECT_LE(a, Clock::system().now_ns());
}

}  // namespace
}  // namespace etb
