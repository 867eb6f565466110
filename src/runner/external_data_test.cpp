// A stock model whose weights lie in a .ptd: found, missing, of another model; and packed weights
// of it are its own.
#include "runner/external_data.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "platform/test_folder.h"
#include "runner/testing/recorded.h"
#include "runner/text_runner.h"

namespace etb::runner {
namespace {

std::shared_ptr<const MappedFile> recorded_file(const std::string& name) {
  return MappedFile::open(recorded_path(name)).value();
}

Result<std::shared_ptr<TextRunner>> load(std::vector<std::shared_ptr<const MappedFile>> data,
                                         const std::string& cache = "") {
  RunnerOptions options;
  options.cache_folder = cache;
  return TextRunner::load({.file = recorded_file("llm-apart.pte"), .data = std::move(data)},
                          options);
}

std::vector<float> logits(TextRunner& runner) {
  const auto sequence = runner.new_sequence();
  EXPECT_TRUE(sequence.ok());
  const auto last = (*sequence)->forward(read_recorded("llm-apart").ids, nullptr);
  EXPECT_TRUE(last.ok());
  return {last->begin(), last->end()};
}

TEST(ExternalData, AMissingFileIsAskedForByName) {
  const Status status = load({}).status();
  EXPECT_EQ(status.code(), StatusCode::NotFound) << status.to_string();
  for (const char* word : {"llm-apart.pte", "lacks weights, '", ".ptd", "--data"}) {
    EXPECT_NE(status.message().find(word), std::string_view::npos) << status.to_string();
  }
}

TEST(ExternalData, AWrongFileIsNoCrash) {
  EXPECT_EQ(load({recorded_file("llm-fp32.pte")}).status().code(), StatusCode::Corrupt);
  const auto data = recorded_file("llm-apart.ptd");
  const Status twice = load({data, data}).status();
  EXPECT_EQ(twice.code(), StatusCode::InvalidArgument) << twice.to_string();
}

TEST(ExternalData, PackedWeightsAreKeptForItToo) {
  const TestFolder folder;
  const auto data = recorded_file("llm-apart.ptd");
  const auto wanted = logits(**load({data}));
  EXPECT_EQ(logits(**load({data}, folder.path())), wanted);
  EXPECT_EQ(folder.count(), 1u);
  EXPECT_EQ(logits(**load({data}, folder.path())), wanted);
  EXPECT_EQ(folder.count(), 1u);
  std::filesystem::copy_file(recorded_path("llm-apart.ptd"), folder.path("copy.ptd"));
  const auto copy = MappedFile::open(folder.path("copy.ptd")).value();
  EXPECT_EQ(logits(**load({copy}, folder.path("other"))), wanted);
}

TEST(ExternalData, TheRuntimeSeesWhatTheFilesHold) {
  std::vector<model::PtdFile> files;
  files.push_back(model::PtdFile::open(recorded_path("llm-apart.ptd")).value());
  const auto map = ExternalDataMap::create(std::move(files), {}).value();
  const uint32_t count = map->get_num_keys().get();
  ASSERT_GT(count, 10u);
  for (uint32_t i = 0; i < count; ++i) {
    const char* const key = map->get_key(i).get();
    const auto data = map->get_data(key);
    ASSERT_TRUE(data.ok()) << key;
    std::vector<uint8_t> copy(data->size());
    EXPECT_EQ(map->load_data_into(key, copy.data(), copy.size()), executorch::runtime::Error::Ok);
    EXPECT_EQ(std::memcmp(copy.data(), data->data(), copy.size()), 0);
    const auto layout = map->get_tensor_layout(key);
    if (layout.ok()) {
      EXPECT_EQ(layout->nbytes(), data->size()) << key;
    }
    EXPECT_NE(map->load_data_into(key, copy.data(), data->size() + 1),
              executorch::runtime::Error::Ok);
  }
  EXPECT_FALSE(map->get_key(count).ok());
  EXPECT_FALSE(map->get_data("none").ok() || map->get_tensor_layout("none").ok());
}

}  // namespace
}  // namespace etb::runner
