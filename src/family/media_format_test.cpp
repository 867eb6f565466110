#include "family/media_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace etb::family {
namespace {

const MediaFormat* find(media::Kind kind, std::set<std::string, std::less<>> tokens) {
  return find_media_format(
      kind, {.has_token = [=](std::string_view text) { return tokens.contains(text); }});
}

TEST(MediaFormat, EachRowIsFoundByItsOwnTokens) {
  for (const MediaFormat& format : media_formats()) {
    std::set<std::string, std::less<>> tokens(format.tokens.begin(), format.tokens.end());
    const MediaFormat* const found = find(format.kind, tokens);
    ASSERT_NE(found, nullptr) << format.name;
    EXPECT_EQ(found, &format) << format.name << " is hidden by " << found->name;
  }
}

TEST(MediaFormat, GemmaTakesAnImageBetweenTagsAndBlankLines) {
  const MediaFormat* const gemma = find(
      media::Kind::Image, {"<start_of_image>", "<end_of_image>", "<image_soft_token>", "<bos>"});
  ASSERT_NE(gemma, nullptr);
  EXPECT_EQ(gemma->name, "gemma-3");
  EXPECT_EQ(gemma->placeholder, "<start_of_image>");
  EXPECT_EQ(gemma->before, "\n\n<start_of_image>");
  EXPECT_EQ(gemma->after, "<end_of_image>\n\n");
}

TEST(MediaFormat, AVocabularyOfTextAloneHasNone) {
  EXPECT_EQ(find(media::Kind::Image, {"<s>", "</s>"}), nullptr);
  EXPECT_EQ(find(media::Kind::Audio, {"<start_of_image>", "<end_of_image>"}), nullptr);
}

// They are found in rendered text: none may begin within another's expansion of the same kind.
TEST(MediaFormat, PlaceholdersAreSpecialTokensOfTheRow) {
  for (const MediaFormat& format : media_formats()) {
    if (format.placeholder.empty()) continue;
    const bool known = std::ranges::find(format.tokens, format.placeholder) != format.tokens.end();
    EXPECT_TRUE(known) << format.name;
  }
}

}  // namespace
}  // namespace etb::family
