// Packed weights of XNNPACK are kept in the cache folder by the first load and mapped by later
// ones; whatever happens to the folder costs no more than packing again, and never a bit of the
// logits.
#include "runner/packed_weights.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "model/cache_files.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/test_folder.h"
#include "runner/testing/recorded.h"
#include "runner/text_runner.h"

namespace etb::runner {
namespace {

class PackedWeightsTest : public ::testing::Test {
 protected:
  PackedWeightsTest() { copy("llm-8da4w"); }

  void copy(const std::string& fixture) {
    recorded_ = read_recorded(fixture);
    std::filesystem::copy_file(recorded_path(fixture + ".pte"), model_,
                               std::filesystem::copy_options::overwrite_existing);
  }
  std::shared_ptr<TextRunner> load(std::vector<BackendOption> options = {}) const {
    auto file = MappedFile::open(model_);
    RunnerOptions runner_options;
    runner_options.backend_options = std::move(options);
    runner_options.cache_folder = cache_;
    auto runner = TextRunner::load({.file = *file}, runner_options);
    EXPECT_TRUE(runner.ok()) << runner.status().to_string();
    return runner.ok() ? *runner : nullptr;
  }
  // After all of the recorded ids.
  std::vector<float> logits(TextRunner& runner) const {
    const auto sequence = runner.new_sequence();
    EXPECT_TRUE(sequence.ok());
    const auto last = (*sequence)->forward(recorded_.ids, nullptr);
    EXPECT_TRUE(last.ok());
    return {last->begin(), last->end()};
  }
  std::vector<float> plain_logits() const {
    const auto runner = load({{kXnnpack, "weight_cache_enabled", "false"}});
    return logits(*runner);
  }
  std::vector<FolderEntry> kept() const {
    const auto files = list_files(cache_);
    return files.ok() ? *files : std::vector<FolderEntry>();
  }
  std::string kept_path() const { return join_path(cache_, kept().at(0).name); }
  static bool is_mapped(std::string_view what) {
    const auto maps = read_text_file("/proc/self/maps", 64 << 20);
    return maps.ok() && maps->find(what) != std::string::npos;
  }

  TestFolder folder_;
  std::string model_ = folder_.path("model.pte");
  std::string cache_ = folder_.path("cache");
  Recorded recorded_;
};

TEST_F(PackedWeightsTest, TheFirstLoadKeepsThemAndTheSecondMapsThem) {
  const std::vector<float> wanted = plain_logits();
  EXPECT_TRUE(kept().empty()) << "a load without the backend's cache writes nothing";
  const auto first = logits(*load());
  ASSERT_EQ(kept().size(), 1u);
  EXPECT_TRUE(model::is_current_cache_name(kept()[0].name));
  const FileIdentity written = kept()[0].identity;
  {
    const auto runner = load();
    EXPECT_EQ(logits(*runner), wanted);
    const auto sequence = runner->new_sequence();
    EXPECT_TRUE(is_mapped(kept()[0].name));
    EXPECT_FALSE(is_mapped("memfd:etbridge")) << "nothing was packed";
  }
  EXPECT_FALSE(is_mapped(kept()[0].name)) << "unloaded";
  EXPECT_EQ(first, wanted);
  EXPECT_EQ(kept().at(0).identity, written) << "not written again";
}

TEST_F(PackedWeightsTest, DamageIsFoundAndRepaired) {
  const std::vector<float> wanted = logits(*load());
  const std::string good = folder_.read("cache/" + kept().at(0).name);
  std::string flipped = good, footer = good, seal = good;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);  // the backend itself would not see it
  footer[good.size() - 20] = static_cast<char>(footer[good.size() - 20] ^ 1);
  seal[good.size() - 30] = static_cast<char>(seal[good.size() - 30] ^ 1);
  for (const std::string& bad : {flipped, footer, seal, good.substr(0, good.size() / 2),
                                 std::string(), std::string(10, 'x'), good + good}) {
    folder_.write("cache/" + kept().at(0).name, bad);
    const FileIdentity damaged = kept().at(0).identity;
    EXPECT_EQ(logits(*load()), wanted);
    ASSERT_EQ(kept().size(), 1u);
    EXPECT_NE(kept()[0].identity, damaged);
    EXPECT_EQ(kept()[0].identity.size, good.size());
  }
}

TEST_F(PackedWeightsTest, AnotherModelUnderTheSameNameHasItsOwn) {
  const auto first = logits(*load());
  copy("llm-xnnpack");
  const std::vector<float> wanted = plain_logits();
  EXPECT_EQ(logits(*load()), wanted);
  EXPECT_EQ(kept().size(), 2u);
  EXPECT_EQ(logits(*load()), wanted);
}

TEST_F(PackedWeightsTest, ModelsSideBySideDoNotSeeEachOthersWeights) {
  const auto one = load();
  const auto one_logits = logits(*one);
  copy("llm-xnnpack");
  const std::vector<float> wanted = plain_logits();
  const auto other = load();
  EXPECT_EQ(logits(*other), wanted);
  const auto other_again = load();
  EXPECT_EQ(logits(*other_again), wanted);
  copy("llm-8da4w");
  EXPECT_EQ(logits(*one), one_logits);
}

TEST_F(PackedWeightsTest, WithoutAFolderTheyLiveAsLongAsTheModel) {
  const std::vector<float> wanted = plain_logits();
  cache_.clear();
  {
    const auto runner = load();
    const auto one = runner->new_sequence(), two = runner->new_sequence();
    EXPECT_TRUE(is_mapped("memfd:etbridge")) << "shared by the sequences";
    EXPECT_EQ(logits(*runner), wanted);
  }
  EXPECT_FALSE(is_mapped("memfd:etbridge"));
}

TEST_F(PackedWeightsTest, AFolderThatCannotBeWrittenCostsOnlyTheCache) {
  const std::vector<float> wanted = plain_logits();
  folder_.write("file", "no folder");
  cache_ = folder_.path("file");
  EXPECT_EQ(logits(*load()), wanted);
  EXPECT_EQ(logits(*load()), wanted);
}

TEST_F(PackedWeightsTest, AKeptFileStaysWithWhoeverHasIt) {
  const auto runner = load();
  const auto wanted = logits(*runner);
  std::filesystem::remove(kept_path());
  EXPECT_EQ(logits(*runner), wanted);
  EXPECT_EQ(logits(*load()), wanted);
  EXPECT_EQ(kept().size(), 1u);
}

}  // namespace
}  // namespace etb::runner
