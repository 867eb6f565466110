// Text as Python's str has it: whitespace, case, code points; and dates.
#include "prompt/unicode.h"

#include <gtest/gtest.h>

#include <random>

#include "prompt/civil_time.h"

namespace etb::prompt {
namespace {

TEST(Unicode, StripsAllWhitespace) {
  EXPECT_EQ(strip(" \t\u3000\u00a0a b\u2028\x1f\n", Side::Both), "a b");
  EXPECT_EQ(strip(" a ", Side::Left), "a ");
  EXPECT_EQ(strip(" a ", Side::Right), " a");
  EXPECT_EQ(strip("日a日日", Side::Both, "日本"), "a");
  EXPECT_EQ(strip("\u200ba", Side::Both), "\u200ba");  // zero width is no whitespace
  EXPECT_EQ(strip(" \t ", Side::Both), "");
}

TEST(Unicode, CaseMayChangeLength) {
  EXPECT_EQ(to_upper("straße ﬁ ŉ"), "STRASSE FI ʼN");
  EXPECT_EQ(to_lower("İ"), "i̇");
  EXPECT_EQ(to_lower("ΑΣ ΑΣΑ Σ"), "ας ασα σ");
  EXPECT_EQ(to_title("hello wORLD it's"), "Hello World It'S");
  EXPECT_EQ(capitalize("ǆ ABC"), "ǅ abc");
  EXPECT_EQ(swap_case("aBß"), "AbSS");
}

TEST(Unicode, BrokenBytesCountOneEach) {
  bool ascii = true;
  EXPECT_EQ(count_code_points("a\xFF\xC3", &ascii), 3u);
  EXPECT_FALSE(ascii);
  EXPECT_EQ(code_point_at("\xE2\x82", 0).value, kBrokenByte);
  EXPECT_EQ(to_upper("a\xFF"), "A\xFF");
  EXPECT_EQ(strip(" \xA0", Side::Both), "\xA0");  // a lone continuation byte is no no-break space
}

TEST(Unicode, OffsetsAndCountsAgreeOnAnyBytes) {
  std::mt19937_64 engine(3);
  for (int run = 0; run < 2000; ++run) {
    std::string bytes;
    for (size_t i = engine() % 20; i > 0; --i) {
      constexpr std::string_view kBytes =
          " a\t\x80\xBF\xC2\xE2\x82\xAC\xF0\x9F\x98\xED\xA0\xFF\xE3";
      bytes += kBytes[engine() % kBytes.size()];
    }
    EXPECT_EQ(byte_offset(bytes, count_code_points(bytes, nullptr)), bytes.size());
    EXPECT_EQ(strip(strip(bytes, Side::Left), Side::Right), strip(bytes, Side::Both));
    EXPECT_EQ(strip(strip(bytes, Side::Right), Side::Left), strip(bytes, Side::Both));
  }
}

TEST(CivilTime, KnowsTheCalendar) {
  const CivilTime t = civil_from_seconds(1'709'210'096);  // a leap day
  EXPECT_EQ(format_time(t, "%Y-%m-%d %H:%M:%S %j %a %A %b %B %p %I"),
            "2024-02-29 12:34:56 060 Thu Thursday Feb February PM 12");
  EXPECT_EQ(format_time(t, "%-d/%-m/%y %e %U %W %V %G %u %w %%%q%"),
            "29/2/24 29 08 09 09 2024 4 4 %%q%");
  EXPECT_EQ(format_time(civil_from_seconds(-1), "%F %T"), "1969-12-31 23:59:59");
  EXPECT_EQ(format_time(civil_from_seconds(INT64_MAX), "%Y"), "9999");
  EXPECT_EQ(format_time(civil_from_seconds(INT64_MIN), "%Y"), "0001");
}

TEST(CivilTime, ReadsIsoDates) {
  EXPECT_EQ(seconds_from_iso("2026-11-23T12:00:00").value(), 1'795'435'200);
  EXPECT_EQ(seconds_from_iso("2026-11-23").value(), 1'795'392'000);
  EXPECT_EQ(seconds_from_iso("1970-01-01T00:00:01Z").value(), 1);
  for (const std::string_view bad :
       {"", "now", "2026-13-01", "2026-02-29", "2026-1-1", "2026-11-23T24:00:00",
        "2026-11-23X12:00:00", "2026-11-23T12:00"}) {
    EXPECT_EQ(seconds_from_iso(bad).status().code(), StatusCode::InvalidArgument) << bad;
  }
}

TEST(CivilTime, SecondsAndDatesAgree) {
  std::mt19937_64 engine(5);
  std::uniform_int_distribution<int64_t> seconds(-62'135'596'800, 253'402'300'799);
  for (int run = 0; run < 5000; ++run) {
    const int64_t wanted = seconds(engine);
    const std::string text = format_time(civil_from_seconds(wanted), "%Y-%m-%dT%H:%M:%S");
    ASSERT_EQ(seconds_from_iso(text).value(), wanted) << text;
  }
}

}  // namespace
}  // namespace etb::prompt
