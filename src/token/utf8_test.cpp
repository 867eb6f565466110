#include "token/utf8.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace etb::token {
namespace {

using namespace std::string_view_literals;

std::string encode(uint32_t code) {
  std::string out;
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
  return out;
}

TEST(Utf8, EveryCodePointButSurrogatesIsValid) {
  for (uint32_t code = 0; code <= 0x10FFFF; ++code) {
    const std::string text = encode(code);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    ASSERT_EQ(first_invalid_utf8(text), surrogate ? 0 : text.size()) << std::hex << code;
    if (!surrogate) {
      ASSERT_EQ(utf8_length(text[0]), text.size()) << std::hex << code;
    }
  }
}

TEST(Utf8, WhiteSpaceIsUnicodes) {
  std::set<uint32_t> found;
  for (uint32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    const std::string text = encode(code);
    const size_t leading = leading_white_space(text + "x");
    ASSERT_EQ(trailing_white_space("x" + text), leading) << std::hex << code;
    ASSERT_TRUE(leading == 0 || leading == text.size()) << std::hex << code;
    if (leading != 0) found.insert(code);
  }
  EXPECT_EQ(found, (std::set<uint32_t>{0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,
                                       0xA0,   0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
                                       0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028,
                                       0x2029, 0x202F, 0x205F, 0x3000}));
  EXPECT_EQ(leading_white_space(" \n\u3000x "), 5u);
  EXPECT_EQ(trailing_white_space(" x\u00A0\t"), 3u);
  EXPECT_EQ(leading_white_space(""), 0u);
  EXPECT_EQ(trailing_white_space("  "), 2u);
}

TEST(Utf8, NamesTheFirstBadByte) {
  EXPECT_EQ(first_invalid_utf8(""), 0u);
  EXPECT_EQ(first_invalid_utf8("plain ASCII of more than eight bytes"), 36u);
  EXPECT_EQ(first_invalid_utf8("a\0b"sv), 3u);  // NUL is a character like others
  EXPECT_EQ(first_invalid_utf8("0123456789\xFF"), 10u);
  EXPECT_EQ(first_invalid_utf8("ab\x80"), 2u);             // a trailing byte alone
  EXPECT_EQ(first_invalid_utf8("\xC3"), 0u);               // cut off
  EXPECT_EQ(first_invalid_utf8("\xE2\x82"), 0u);           // cut off
  EXPECT_EQ(first_invalid_utf8("\xC0\xAF"), 0u);           // overlong
  EXPECT_EQ(first_invalid_utf8("\xE0\x9F\xBF"), 0u);       // overlong
  EXPECT_EQ(first_invalid_utf8("\xF0\x8F\xBF\xBF"), 0u);   // overlong
  EXPECT_EQ(first_invalid_utf8("x\xED\xA0\x80"), 1u);      // a surrogate
  EXPECT_EQ(first_invalid_utf8("x\xF4\x90\x80\x80"), 1u);  // above U+10FFFF
  EXPECT_EQ(first_invalid_utf8("\xE2\x28\xA1 rest"), 0u);  // the second byte is none
  EXPECT_EQ(first_invalid_utf8("\xF0\x9F\x98\x28"), 0u);   // the fourth byte is none
}

}  // namespace
}  // namespace etb::token
