#include "token/normalizer.h"

#include <gtest/gtest.h>

#include <cstring>

namespace etb::token {
namespace {

using Kind = NormalizeStep::Kind;

std::string normalized(std::vector<NormalizeStep> steps, std::string_view text,
                       bool prefix = true) {
  const auto normalizer = Normalizer::create(std::move(steps));
  EXPECT_TRUE(normalizer.ok()) << normalizer.status().to_string();
  std::string storage;
  const auto out = normalizer->apply(text, prefix, storage);
  EXPECT_TRUE(out.ok()) << out.status().to_string();
  return std::string(*out);
}

NormalizeStep step(Kind kind, std::string from = {}, std::string to = {}) {
  return {kind, std::move(from), std::move(to), false, false};
}

TEST(Normalizer, UnicodesNormalForms) {
  EXPECT_EQ(normalized({step(Kind::Nfc)}, "e\u0301 ﬁ"), "\u00e9 ﬁ");
  EXPECT_EQ(normalized({step(Kind::Nfd)}, "\u00e9 ﬁ"), "e\u0301 ﬁ");
  EXPECT_EQ(normalized({step(Kind::Nfkc)}, "e\u0301 ﬁ"), "\u00e9 fi");
  EXPECT_EQ(normalized({step(Kind::Nfkd)}, "\u00e9 ﬁ"), "e\u0301 fi");
  EXPECT_EQ(normalized({step(Kind::Nfd), step(Kind::StripAccents)}, "\u00e9\u0928\u093F"),
            "e\u0928");
}

TEST(Normalizer, LowerCaseKnowsTheOneLongMapping) {
  EXPECT_EQ(normalized({step(Kind::Lowercase)}, "ÀΣİ"), "àσi\u0307");
}

TEST(Normalizer, Replacing) {
  EXPECT_EQ(normalized({step(Kind::Replace, "aa", "b")}, "aaa a"), "ba a");
  EXPECT_EQ(normalized({step(Kind::ReplaceRegex, R"(\s+)", " ")}, "a \n\tb "), "a b ");
  EXPECT_EQ(normalized({{Kind::Strip, {}, {}, true, false}}, " \u3000a "), "a ");
  EXPECT_EQ(normalized({{Kind::Strip, {}, {}, false, true}}, " a \n"), " a");
  EXPECT_EQ(normalized({step(Kind::CollapseSpaces)}, "  a  b "), "a b");
}

TEST(Normalizer, APrefixNeedsATextAndAPlaceForIt) {
  const std::vector<NormalizeStep> steps = {step(Kind::Prepend, "", "▁"),
                                            step(Kind::Replace, " ", "▁")};
  EXPECT_EQ(normalized(steps, "a b"), "▁a▁b");
  EXPECT_EQ(normalized(steps, "a b", false), "a▁b");
  EXPECT_EQ(normalized(steps, ""), "");
}

TEST(Normalizer, AnUnchangedTextIsNotCopied) {
  const auto normalizer = *Normalizer::create({step(Kind::Nfc), step(Kind::Replace, "x", "y")});
  const std::string text = "plain";
  std::string storage;
  EXPECT_EQ(normalizer.apply(text, true, storage)->data(), text.data());
}

TEST(Normalizer, ATextCannotGrowBeyondMeasure) {
  const std::vector<NormalizeStep> steps(3, step(Kind::Replace, "a", std::string(60, 'a')));
  const auto normalizer = *Normalizer::create(steps);
  std::string storage;
  EXPECT_EQ(normalizer.apply(std::string(1000, 'a'), true, storage).status().code(),
            StatusCode::InvalidArgument);
}

// A double array by hand: "a" and "ab" have replacements.
std::string small_map() {
  const auto unit = [](uint32_t offset, bool leaf, uint8_t label) {
    return offset << 10 | (leaf ? 0x100u : 0u) | label;
  };
  std::vector<uint32_t> units(256, 0xFF);
  units[0] = unit(1, false, 0);                      // root: children at 1 ^ byte
  units[1 ^ 'a'] = unit((1 ^ 'a') ^ 4u, true, 'a');  // its value at 4, its children at 4 ^ byte
  units[4] = 0x8000'0000u | 0;                       // "a" -> offset 0
  units[4 ^ 'b'] = unit((4 ^ 'b') ^ 8u, true, 'b');
  units[8] = 0x8000'0000u | 2;  // "ab" -> offset 2
  const auto bytes = static_cast<uint32_t>(units.size() * 4);
  std::string out(4 + bytes, '\0');
  std::memcpy(out.data(), &bytes, 4);
  std::memcpy(out.data() + 4, units.data(), bytes);
  return out + std::string("X\0long\0", 7);
}

TEST(Normalizer, ACharsMapReplacesTheLongestEntry) {
  EXPECT_EQ(normalized({step(Kind::CharsMap, small_map())}, "aaba é b"), "XlongX é b");
}

TEST(Normalizer, ADamagedCharsMapIsRefusedOrHarmless) {
  const std::string map = small_map();
  for (size_t length = 0; length < map.size(); length += 3) {
    (void)Normalizer::create({step(Kind::CharsMap, map.substr(0, length))});
  }
  EXPECT_EQ(Normalizer::create({step(Kind::CharsMap, "abc")}).status().code(), StatusCode::Corrupt);
  for (size_t i = 4; i < map.size(); ++i) {
    std::string damaged = map;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    const auto normalizer = Normalizer::create({step(Kind::CharsMap, damaged)});
    std::string storage;
    if (normalizer.ok()) (void)normalizer->apply("aabab\u00e9", true, storage);
  }
}

TEST(Normalizer, BadStepsAreRefused) {
  EXPECT_FALSE(Normalizer::create({step(Kind::Replace, "", "x")}).ok());
  EXPECT_FALSE(Normalizer::create({step(Kind::ReplaceRegex, "(", "x")}).ok());
  EXPECT_FALSE(Normalizer::create({step(Kind::Replace, "a", std::string(10'000, 'b'))}).ok());
  EXPECT_FALSE(Normalizer::create({step(Kind::Replace, "a", "\xFF")}).ok());
}

}  // namespace
}  // namespace etb::token
