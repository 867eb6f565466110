// tokenize, detokenize and render on a model file, on a tokenizer file, and on a folder as models
// are published in.
#include "cli/cli_fixture.h"

namespace etb::cli_test {
namespace {

constexpr std::string_view kConfig =
    R"({"bos_token":"<|endoftext|>","eos_token":"<|im_end|>","chat_template":)"
    R"("{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}"})";

class Text : public CommandLine {
 protected:
  static std::string recorded(const std::string& name) {
    return std::string(ETB_SOURCE_DIR) + "/tests/references/token/files/" + name;
  }
  // A folder with a tokenizer.json and what says how a chat is written.
  std::string published() {
    std::filesystem::create_directory(file("model"));
    put("model/tokenizer.json", read_bytes(recorded("smollm.json")));
    put("model/tokenizer_config.json", kConfig);
    return file("model").string();
  }
};

TEST_F(Text, EveryKindOfTokenizerFileGivesIdsAndTheTextBack) {
  const std::string text = "\"Hello  world, it's 12.5\"\n";
  for (const std::string& path :
       {put("tiny.gguf", tiny_gguf()).string(), recorded("smollm.json"), recorded("gemma.json"),
        recorded("bpe.model"), recorded("unigram.model"), published()}) {
    const auto ids = etbridge({"tokenize", path}, text);
    ASSERT_EQ(ids.exit_code, 0) << ids.summary();
    EXPECT_GT(ids.out.size(), 10u) << ids.out;
    const auto back = etbridge({"detokenize", path}, ids.out);
    EXPECT_EQ(back.exit_code, 0) << back.summary();
    EXPECT_EQ(back.out, text) << path << ": " << ids.out;
  }
}

TEST_F(Text, SpecialTokensAreTextUnlessAskedFor) {
  const std::string path = recorded("smollm.json");
  EXPECT_EQ(etbridge({"tokenize", "--special", path}, "\"<|im_end|>\"\n").out, "[1]\n");
  EXPECT_GT(etbridge({"tokenize", path}, "\"<|im_end|>\"\n").out.size(), 10u);
}

TEST_F(Text, AFolderRendersByItsTemplate) {
  const auto rendered =
      etbridge({"render", published()}, R"({"messages":[{"role":"user","content":"Hi"}]})"
                                        "\n");
  EXPECT_EQ(rendered.exit_code, 0) << rendered.summary();
  EXPECT_EQ(rendered.out, "{\"prompt\": \"<|endoftext|>[user] Hi<|im_end|>\"}\n");
}

TEST_F(Text, AFileWithoutATemplateRendersByWhatItsVocabularyTells) {
  const auto rendered = etbridge({"render", recorded("llama3.json")},
                                 R"({"messages":[{"role":"user","content":"Hi"}]})"
                                 "\n");
  EXPECT_EQ(rendered.exit_code, 0) << rendered.summary();
  EXPECT_NE(rendered.out.find(R"(<|im_start|>user\nHi<|im_end|>)"), std::string::npos)
      << rendered.out;
}

TEST_F(Text, ATemplateMayBeGivenInsteadOfTheModelsOwn) {
  const std::string line = R"({"messages":[{"role":"user","content":"Hi"}]})"
                           "\n";
  const auto render = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "render");
    const auto rendered = etbridge(words, line);
    EXPECT_EQ(rendered.exit_code, 0) << rendered.summary();
    return rendered.out;
  };
  const std::string given =
      put("given.jinja", "{{ bos_token }}!{{ messages[0].content }}").string();
  const std::string model = published();
  EXPECT_EQ(render({model, "--template", given}), "{\"prompt\": \"<|endoftext|>!Hi\"}\n");
  EXPECT_EQ(render({"--template", given}), "{\"prompt\": \"!Hi\"}\n") << "without a model's tokens";
  const std::string chatml = "{\"prompt\": \"<|im_start|>user\\nHi<|im_end|>\\n\"}\n";
  EXPECT_EQ(render({model, "--template", "chatml"}), chatml);
  EXPECT_EQ(render({"--template", "chatml"}), chatml);
  EXPECT_TRUE(fails_clearly(etbridge({"render", model, "--template", "none.jinja"}),
                            {"none.jinja", "no such file", "chatml"}));
  const auto broken = put("broken.jinja", "{% if %}");
  EXPECT_TRUE(fails_clearly(etbridge({"render", "--template", broken.string()}),
                            {"broken.jinja", "line 1"}));
}

TEST_F(Text, WhatCannotBeReadIsNamed) {
  std::filesystem::create_directory(file("empty"));
  EXPECT_TRUE(fails_clearly(etbridge({"tokenize", file("empty").string()}),
                            {"empty", "tokenizer.json", "tokenizer.model"}));
  const auto foreign = put("photo.jpg", std::string(9000, '\xFF'));
  EXPECT_TRUE(fails_clearly(etbridge({"tokenize", foreign.string()}), {"photo.jpg"}));
  const auto broken = put("tokenizer.json", R"({"model": {"type": "BPE")");
  EXPECT_TRUE(fails_clearly(etbridge({"detokenize", broken.string()}), {"tokenizer.json"}));
  EXPECT_TRUE(
      fails_clearly(etbridge({"render", recorded("bpe.model")}), {"bpe.model", "--template"}));
}

}  // namespace
}  // namespace etb::cli_test
