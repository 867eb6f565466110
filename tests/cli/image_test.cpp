// Pictures at the command line: what is read, how it lies, what is refused.
#include <algorithm>

#include "cli/stock_fixture.h"

namespace etb::cli_test {
namespace {

class Images : public Stock {
 protected:
  static std::string picture(const std::string& name) {
    return std::string(ETB_SOURCE_DIR) + "/tests/references/media/" + name;
  }
  Outcome show(const std::string& model, std::vector<std::string> images) {
    std::vector<std::string> arguments = {"run", model, "-p", "Hi", "-n", "2", "--json"};
    for (std::string& image : images) {
      arguments.emplace_back("--image");
      arguments.push_back(std::move(image));
    }
    return etbridge(std::move(arguments));
  }
  // The ids of the prompt, which tell pictures apart; fails without.
  std::string prompt_ids(const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    const size_t from = outcome.out.find("\"prompt_ids\":[");
    const size_t to = outcome.out.find(']', from);
    EXPECT_LT(from, to) << outcome.summary();
    return outcome.out.substr(from, to - from);
  }
};

TEST_F(Images, StandBeforeTheText) {
  const std::string model = published("media-fp32.pte");
  const std::string without = prompt_ids(show(model, {}));
  const std::string one = prompt_ids(show(model, {picture("upright.png")}));
  const std::string two = prompt_ids(show(model, {picture("upright.png"), picture("upright.png")}));
  const auto count = [](const std::string& ids) { return std::ranges::count(ids, ','); };
  EXPECT_EQ(count(one), count(without) + 4) << "four positions";
  EXPECT_EQ(count(two), count(without) + 8);
}

TEST_F(Images, LieAsTheCameraHeldThem) {
  const std::string model = published("media-bytes-fp16.pte");
  const std::string upright = prompt_ids(show(model, {picture("upright.png")}));
  for (int lies = 1; lies <= 8; ++lies) {
    const std::string name = concat("turned-", lies, ".jpg");
    EXPECT_EQ(prompt_ids(show(model, {picture(name)})), upright) << name;
  }
  EXPECT_EQ(prompt_ids(show(model, {picture("grey.png")})), upright);
  EXPECT_EQ(prompt_ids(show(model, {picture("glass.png")})), upright) << "over white";
}

TEST_F(Images, WhatIsNoPictureIsRefused) {
  const std::string model = published("media-fp32.pte");
  EXPECT_TRUE(fails_clearly(show(model, {"nowhere.png"}), {"nowhere.png"}));
  EXPECT_TRUE(fails_clearly(show(model, {put("empty.png", "").string()}), {"empty.png"}));
  EXPECT_TRUE(fails_clearly(show(model, {put("text.png", "no picture").string()}),
                            {"text.png", "PNG or JPEG"}));
  const std::string whole = read_bytes(picture("upright.png"));
  EXPECT_TRUE(
      fails_clearly(show(model, {put("cut.png", whole.substr(0, 60)).string()}), {"cut.png"}));
  EXPECT_TRUE(fails_clearly(show(model, {file("").string()}), {file("").filename().string()}));
}

TEST_F(Images, AClaimToBeHugeIsNotBelieved) {
  const std::string model = published("media-fp32.pte");
  std::string huge = read_bytes(picture("upright.png"));
  for (const size_t at : {16u, 20u}) huge.replace(at, 4, std::string("\x00\x00\x23\x28", 4));
  EXPECT_TRUE(fails_clearly(show(model, {put("huge.png", huge).string()}), {"huge.png", "9000"}));
}

TEST_F(Images, DamagedOnesEndCleanly) {
  const std::string model = published("media-fp32.pte");
  const std::string whole = read_bytes(picture("turned-6.jpg"));
  for (size_t at = 0; at < whole.size(); at += 23) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    EXPECT_TRUE(ends_cleanly(show(model, {put("damaged.jpg", damaged).string()}))) << at;
  }
}

TEST_F(Images, AModelOfTextAloneSaysSo) {
  EXPECT_TRUE(fails_clearly(show(published("llm-fp32.pte"), {picture("upright.png")}),
                            {"no images", "vision_encoder"}));
}

TEST_F(Images, AChatShowsThemWithTheNextMessage) {
  const std::string model = published("media-fp32.pte");
  const auto outcome = etbridge({"chat", model, "-n", "2", "--temp", "0", "--commands"},
                                concat("/image ", picture("upright.png"), "\na\nb\n/image\n"));
  EXPECT_NE(outcome.err.find("16x24"), std::string::npos) << outcome.summary();
  EXPECT_NE(outcome.err.find("/image takes"), std::string::npos) << outcome.summary();
}

TEST_F(Images, GoIntoASession) {
  const std::string model = published("media-fp32.pte");
  const std::string session = file("talk.etbs").string();
  const auto ask = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", model,    "-p",        "a",    "-n",
                                          "1",   "--json", "--session", session};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return etbridge(std::move(arguments));
  };
  const std::string first = prompt_ids(ask({"--image", picture("upright.png")}));
  const Outcome second = ask({});
  EXPECT_TRUE(prompt_ids(second).starts_with(first)) << "the second turn still shows it";
  EXPECT_EQ(second.out.find("\"cached_tokens\":0,"), std::string::npos)
      << "nor is it looked at again: " << second.summary();
}

}  // namespace
}  // namespace etb::cli_test
