// Names of split files, and models that are one file in memory. Split models as a whole:
// importer_test.cpp.
#include "import/gguf_model.h"

#include <gtest/gtest.h>

#include "support/random_gguf.h"

namespace etb::import {
namespace {

std::vector<std::string> parts(const std::string& path) {
  const auto paths = gguf_part_paths(path);
  EXPECT_TRUE(paths.ok()) << paths.status().to_string();
  return paths.ok() ? *paths : std::vector<std::string>();
}

TEST(GgufParts, AnyPartNamesThemAll) {
  const std::vector<std::string> all = {"d/m-00001-of-00003.gguf", "d/m-00002-of-00003.gguf",
                                        "d/m-00003-of-00003.gguf"};
  for (const std::string& one : all) EXPECT_EQ(parts(one), all);
}

TEST(GgufParts, OtherNamesStandForThemselves) {
  for (const std::string name : {"m.gguf", "m-1-of-3.gguf", "m-00001-of-00003.bin", "",
                                 "m-0000x-of-00003.gguf", "m_00001-of-00003.gguf"}) {
    EXPECT_EQ(parts(name), std::vector<std::string>{name});
  }
}

TEST(GgufParts, ImpossibleNumbersAreRefused) {
  for (const char* name :
       {"m-00000-of-00003.gguf", "m-00004-of-00003.gguf", "m-00001-of-99999.gguf"}) {
    EXPECT_EQ(gguf_part_paths(name).status().code(), StatusCode::InvalidArgument) << name;
  }
}

TEST(GgufModel, FromBytesIsOneWholeModel) {
  const std::string bytes = test::random_gguf({});
  const std::span<const uint8_t> view(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto model = GgufModel::from_bytes(view, "memory");
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  EXPECT_EQ(model->tensor_count(), 20u);
  EXPECT_EQ(model->total_bytes(), bytes.size());
  ASSERT_NE(model->find_tensor("blk.1.ffn_up.weight"), nullptr);
  EXPECT_EQ(model->find_tensor("blk.2.ffn_up.weight"), nullptr);
}

TEST(GgufModel, APartUnderAnotherNameIsTold) {
  test::RandomGgufSpec spec;
  spec.extra_keys = [](test::GgufWriter& writer) {
    writer.key_u32("split.count", 3);
    writer.key_u32("split.no", 0);
  };
  const std::string bytes = test::random_gguf(spec);
  const auto model = GgufModel::from_bytes(
      {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "renamed.gguf");
  EXPECT_EQ(model.status().code(), StatusCode::InvalidArgument);
  EXPECT_NE(model.status().message().find("00001-of-"), std::string_view::npos);
}

// The generator itself: the same bytes for the same spec, and every family it lists.
TEST(RandomGguf, IsReproducibleAndReadableForEveryFamily) {
  for (const char* architecture : {"llama", "qwen2", "qwen3", "gemma3", "phi3"}) {
    test::RandomGgufSpec spec;
    spec.architecture = architecture;
    const std::string bytes = test::random_gguf(spec);
    EXPECT_EQ(bytes, test::random_gguf(spec));
    spec.seed = 2;
    EXPECT_NE(bytes, test::random_gguf(spec));
    const auto file = GgufFile::parse(
        {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, architecture);
    ASSERT_TRUE(file.ok()) << file.status().to_string();
    EXPECT_EQ(**file->get_string("general.architecture"), architecture);
  }
}

TEST(RandomGguf, RefusesWhatItCannotWrite) {
  const auto status = [](const test::RandomGgufSpec& spec) {
    return test::write_random_gguf(spec, [](std::string_view) { return Status(); });
  };
  EXPECT_EQ(status({.architecture = "mamba"}).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(status({.vocab = 200}).code(), StatusCode::InvalidArgument);
  test::RandomGgufSpec k_quants;
  k_quants.matrices = layout::GgmlType::Q4_K;  // width 64 is no multiple of 256
  EXPECT_EQ(status(k_quants).code(), StatusCode::InvalidArgument);
}

}  // namespace
}  // namespace etb::import
