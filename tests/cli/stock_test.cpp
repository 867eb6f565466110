// Stock .pte files at the command line: with their tokenizer beside them, given, or missing.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "cli/stock_fixture.h"

namespace etb::cli_test {
namespace {

TEST_F(Stock, RunsWithTheTokenizerBesideIt) {
  for (const std::string name : {"llm-fp32.pte", "llm-8da4w.pte", "optimum-two-methods.pte"}) {
    const std::string model = published(name);
    const auto outcome =
        etbridge({"run", model, "-p", "Hello", "--raw", "-n", "8", "--ignore-eos", "--json"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    EXPECT_NE(outcome.out.find("\"generated_tokens\":8"), std::string::npos) << outcome.summary();
    // What ChatML's tokens tell: a chat, with the built-in template.
    const auto chat = etbridge({"run", model, "-p", "Hi", "-n", "4"});
    EXPECT_EQ(chat.exit_code, 0) << chat.summary();
  }
}

TEST_F(Stock, SeveralTurnsGoOnInOneChat) {
  const auto outcome = etbridge({"chat", published("llm-xnnpack.pte"), "-n", "2"}, "a\nb\nc\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
}

// What a stock file keeps is saved with the conversation, whatever form its exporter gave it.
TEST_F(Stock, ASavedConversationIsNotReadAnew) {
  for (const std::string name : {"llm-8da4w.pte", "optimum-fp32.pte", "llm-ring.pte"}) {
    const std::string model = published(name);
    const std::string session = file(name + ".etbs").string();
    const auto turn = [&] {
      return etbridge({"run", model, "--session", session, "-p", "Hi", "-n", "4", "--temp", "0",
                       "--ignore-eos", "--json"});
    };
    const auto first = turn();
    EXPECT_NE(first.out.find("\"cached_tokens\":0,"), std::string::npos) << first.summary();
    const auto second = turn();
    EXPECT_EQ(second.exit_code, 0) << second.summary();
    EXPECT_EQ(second.out.find("\"cached_tokens\":0,") == std::string::npos, name != "llm-ring.pte")
        << second.summary();
  }
}

TEST_F(Stock, TheTokenizerMayBeGiven) {
  const auto tokenizer = put("elsewhere.json", byte_tokenizer());
  const std::string model = recorded("llm-fp32.pte");
  EXPECT_TRUE(fails_clearly(etbridge({"run", model, "-p", "Hi", "--raw"}),
                            {"llm-fp32.pte", "tokenizer.json", "--tokenizer"}));
  const auto given =
      etbridge({"run", model, "-p", "Hi", "--raw", "-n", "2", "--tokenizer", tokenizer.string()});
  EXPECT_EQ(given.exit_code, 0) << given.summary();
  EXPECT_TRUE(fails_clearly(etbridge({"run", put("tiny.gguf", tiny_gguf()).string(), "-p", "Hi",
                                      "--tokenizer", tokenizer.string()}),
                            {"tiny.gguf", "tokenizer"}));
}

TEST_F(Stock, TheTemplateMayBeGiven) {
  const std::string model = published("llm-fp32.pte");
  const std::string given = put("given.jinja", "ab{{ messages[-1].content }}").string();
  const auto outcome =
      etbridge({"run", model, "-p", "c", "-n", "1", "--temp", "0", "--json", "--template", given});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
  const size_t ids = outcome.out.find("\"prompt_ids\":[");
  ASSERT_NE(ids, std::string::npos) << outcome.out;
  const size_t from = outcome.out.find('[', ids);
  const std::string list = outcome.out.substr(from, outcome.out.find(']', from) + 1 - from);
  EXPECT_EQ(etbridge({"detokenize", file("model").string()}, list + "\n").out, "\"abc\"\n");
  EXPECT_TRUE(fails_clearly(etbridge({"run", model, "-p", "c", "--template", "none"}),
                            {"none", "no such file"}));
}

TEST_F(Stock, PackedWeightsAreCachedAndCleared) {
  const std::string model = published("llm-8da4w.pte");
  const auto answer = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"run", model, "-p", "Hello", "--raw", "-n", "8", "--temp", "0"};
    words.insert(words.end(), more.begin(), more.end());
    const auto outcome = etbridge(words);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    return outcome.out;
  };
  const std::string plain =
      answer({"--backend-option", "XnnpackBackend.weight_cache_enabled=false"});
  EXPECT_EQ(etbridge({"cache", "list"}).out.find("llm-8da4w"), std::string::npos);
  EXPECT_EQ(answer({}), plain);
  const auto list = etbridge({"cache", "list"});
  EXPECT_NE(list.out.find("llm-8da4w (packed weights)"), std::string::npos) << list.out;
  EXPECT_EQ(answer({}), plain);
  EXPECT_EQ(etbridge({"cache", "clear"}).exit_code, 0);
  EXPECT_EQ(etbridge({"cache", "list"}).out.find("llm-8da4w"), std::string::npos);
}

TEST_F(Stock, TokenizersAreCachedAndCleared) {
  const std::string model = published("llm-8da4w.pte");
  const auto answer = [&](uint64_t file_size_limit = 0) {
    return launch({.arguments = {"run", model, "-p", "Hello", "--raw", "-n", "8", "--temp", "0"},
                   .file_size_limit = file_size_limit},
                  cache_.string());
  };
  const auto kept = [this] {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(cache_)) {
      if (entry.path().extension() == ".tokenizer") paths.push_back(entry.path());
    }
    return paths;
  };
  const auto full_disk = answer(1000);
  EXPECT_EQ(full_disk.exit_code, 0) << full_disk.summary();
  EXPECT_NE(full_disk.err.find("tokenizer is not kept"), std::string::npos) << full_disk.err;
  EXPECT_TRUE(kept().empty());

  const auto first = answer();
  EXPECT_EQ(first.out, full_disk.out) << first.summary();
  ASSERT_EQ(kept().size(), 1u);
  const std::filesystem::path path = kept()[0];
  const auto list = etbridge({"cache", "list"});
  EXPECT_NE(list.out.find("  model (tokenizer)"), std::string::npos) << list.out;
  EXPECT_NE(etbridge({"cache", "list", "--json"}).out.find("\"content\":\"tokenizer\""),
            std::string::npos);

  const std::string good = read_bytes(path);
  std::string damaged = good;
  damaged[good.size() / 2] = static_cast<char>(damaged[good.size() / 2] ^ 4);
  for (const std::string& bytes : {good, damaged}) {
    write_bytes(path, bytes);
    const auto again = answer();
    EXPECT_EQ(again.out, first.out) << again.summary();
    const bool read_anew = again.err.find("a tokenizer is read again") != std::string::npos;
    EXPECT_EQ(read_anew, bytes == damaged) << again.err;
    EXPECT_EQ(read_bytes(path), good);
  }
  EXPECT_EQ(etbridge({"tokenize", file("model").string()}, "\"Hello\"\n").exit_code, 0);
  EXPECT_EQ(kept().size(), 1u) << "one for all that read these files";
  EXPECT_EQ(etbridge({"cache", "clear"}).exit_code, 0);
  EXPECT_TRUE(kept().empty());
}

TEST_F(Stock, BackendOptionsAreCheckedAgainstTheFile) {
  const std::string model = published("llm-8da4w.pte");
  EXPECT_TRUE(fails_clearly(
      etbridge({"run", model, "-p", "Hi", "--raw", "--backend-option", "QnnBackend.log=1"}),
      {"QnnBackend", "XnnpackBackend"}));
  const auto malformed = etbridge({"run", model, "-p", "Hi", "--backend-option", "threads=1"});
  EXPECT_EQ(malformed.exit_code, 2) << malformed.summary();
}

// As exporters write it: weights in a .ptd of the model's stem, in its folder.
TEST_F(Stock, WeightsMayLieInAFileBesideIt) {
  const std::string model = published("llm-apart.pte");
  const std::vector<std::string> ask{"run", model, "-p",     "Hello", "--raw",
                                     "-n",  "8",   "--temp", "0"};
  const auto answer = [&](const std::string& data) {
    std::vector<std::string> words = ask;
    if (!data.empty()) words.insert(words.end(), {"--data", data});
    return etbridge(words);
  };
  EXPECT_TRUE(fails_clearly(answer(""), {"llm-apart.pte", ".ptd", "--data"}));
  EXPECT_NE(etbridge({"inspect", model}).out.find("missing       weights: "), std::string::npos);
  const auto given = answer(recorded("llm-apart.ptd"));
  EXPECT_EQ(given.exit_code, 0) << given.summary();
  EXPECT_TRUE(fails_clearly(answer(model), {"llm-apart.pte", ".ptd"}));
  EXPECT_TRUE(fails_clearly(answer(file("none.ptd").string()), {"none.ptd"}));
  std::filesystem::copy_file(recorded("llm-apart.ptd"), file("model/llm-apart.ptd"));
  EXPECT_EQ(answer("").out, given.out);
  const auto inspect = etbridge({"inspect", model});
  EXPECT_NE(inspect.out.find("weights in llm-apart.ptd"), std::string::npos) << inspect.summary();
  EXPECT_EQ(inspect.out.find("missing"), std::string::npos) << inspect.summary();
  const auto whole = put("tiny.gguf", tiny_gguf());
  EXPECT_TRUE(fails_clearly(
      etbridge({"run", whole.string(), "-p", "Hi", "--data", recorded("llm-apart.ptd")}),
      {"tiny.gguf", ".ptd"}));
}

TEST_F(Stock, ABenchTakesNoTokenizer) {
  const auto outcome =
      etbridge({"bench", recorded("llm-fp32.pte"), "-p", "16", "-n", "8", "-r", "1"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
}

TEST_F(Stock, AContextBeyondTheExportIsRefused) {
  const std::string model = published("llm-fp32.pte");
  EXPECT_TRUE(fails_clearly(etbridge({"run", model, "-p", "Hi", "--raw", "--context", "128"}),
                            {"64 positions", "128"}));
}

// Each kind of stock file: all that a reader wants to know, in lines that fit a screen.
TEST_F(Stock, InspectExplainsEveryFile) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(recorded(""))) {
    if (entry.path().extension() != ".pte") continue;
    ++files;
    const auto outcome = etbridge({"inspect", entry.path().string()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.summary();
    for (const char* const wanted : {"(stock pte, ", "exported for  64 positions, vocabulary 256",
                                     "MiB at 64 tokens", "\nrewind        ", "\nreuse         ",
                                     "\nsave          ", "\nimages        ", "\naudio         "}) {
      EXPECT_NE(outcome.out.find(wanted), std::string::npos) << wanted << "\n" << outcome.summary();
    }
    EXPECT_LT(std::ranges::count(outcome.out, '\n'), 40) << outcome.out;
  }
  EXPECT_GE(files, 13u);
}

TEST_F(Stock, InspectTellsKindsApart) {
  const auto says = [this](const std::string& name, const std::string& text) {
    const auto outcome = etbridge({"inspect", recorded(name)});
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << "\n" << outcome.summary();
  };
  says("llm-ring.pte", "rewind        no: to the start only: its cache is a ring");
  says("llm-ring.pte", "reuse         no: ");
  says("llm-fp32.pte", "reuse         yes: ");
  says("optimum-two-methods.pte", "save          yes: ");
  says("llm-fp32.pte", "KV cache      256 bytes a token");
  says("llm-fp32.pte", "rewind        yes: to any position");
  says("llm-8da4w.pte", "named weights");
  says("llm-8da4w.pte", "backend     XnnpackBackend");
  says("optimum-fp32.pte", "(stock pte, optimum");
  says("media-fp32.pte", "images        yes: ");
  says("media-fp32.pte", "audio         yes: ");
  says("llm-fp32.pte", "images        no: ");
}

// What it will be once it is imported, and why it cannot be.
TEST_F(CommandLine, InspectForetellsAnImport) {
  const auto gguf = put("tiny.gguf", tiny_gguf());
  const auto before = etbridge({"inspect", gguf.string(), "--json"});
  EXPECT_EQ(before.exit_code, 0) << before.summary();
  const std::string pte = file("tiny.pte").string();
  ASSERT_EQ(etbridge({"import", gguf.string(), "-o", pte}).exit_code, 0);
  const auto after = etbridge({"inspect", pte, "--json"});
  for (const auto& outcome : {before, after}) {
    for (const char* const wanted :
         {"\"abilities\":{\"rewind\":true,\"reuse\":true,\"save\":true,\"images\":false,"
          "\"audio\":false}",
          "\"missing\":[]", "\"kv_bytes_per_token\":", "\"memory\":[{\"context\":"}) {
      EXPECT_NE(outcome.out.find(wanted), std::string::npos) << wanted << "\n" << outcome.summary();
    }
  }
}

TEST_F(CommandLine, InspectNamesWhatIsNoModel) {
  const std::string whole = tiny_gguf();
  EXPECT_TRUE(fails_clearly(etbridge({"inspect", file("").string()}), {"folder"}));
  EXPECT_TRUE(fails_clearly(etbridge({"inspect", file("nothing.pte").string()}), {"nothing.pte"}));
  EXPECT_TRUE(fails_clearly(
      etbridge({"inspect", put("cut.gguf", whole.substr(0, whole.size() / 2)).string()}),
      {"cut.gguf"}));
}

TEST_F(Stock, InspectSaysThatNothingIsMissing) {
  const auto whole = etbridge({"inspect", published("llm-8da4w.pte")});
  EXPECT_EQ(whole.exit_code, 0) << whole.summary();
  EXPECT_EQ(whole.out.find("tokenizer:"), std::string::npos) << whole.out;
  const auto alone = etbridge({"inspect", recorded("llm-8da4w.pte")});
  EXPECT_NE(alone.out.find("tokenizer.json"), std::string::npos) << alone.out;
}

}  // namespace
}  // namespace etb::cli_test
