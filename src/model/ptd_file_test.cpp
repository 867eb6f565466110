// A .ptd as the exporter writes it, and damaged in every way: what opens lies wholly in the file.
#include "model/ptd_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "model/pte_file.h"

namespace etb::model {
namespace {

std::string recorded(std::string_view name) {
  return concat(ETB_SOURCE_DIR, "/tests/references/stock/", name);
}

class Ptd : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto file = MappedFile::open(recorded("llm-apart.ptd"));
    ASSERT_TRUE(file.ok()) << file.status().to_string();
    bytes_.assign((*file)->bytes().begin(), (*file)->bytes().end());
  }
  uint64_t number(size_t at) const {
    uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  void put(size_t at, uint64_t value) { std::memcpy(bytes_.data() + at, &value, sizeof value); }
  Status parsed() const { return PtdFile::parse(bytes_, "x.ptd").status(); }
  // Ok, or an error that names the file; all that it holds can be read.
  void expect_sane() const {
    const auto file = PtdFile::parse(bytes_, "x.ptd");
    if (!file.ok()) {
      EXPECT_NE(file.status().message().find("x.ptd"), std::string_view::npos);
      return;
    }
    for (const ExternalData& data : file->data()) {
      EXPECT_EQ(file->find(data.key), &data);
      if (data.bytes.empty()) continue;
      EXPECT_GE(data.bytes.data(), bytes_.data());
      EXPECT_LE(data.bytes.data() + data.bytes.size(), bytes_.data() + bytes_.size());
      if (!data.layout) continue;
      uint64_t size = scalar_bytes(data.layout->type);
      for (const int32_t dim : data.layout->sizes) size *= static_cast<uint64_t>(dim);
      EXPECT_EQ(size, data.bytes.size());
    }
  }

  std::vector<uint8_t> bytes_;
};

TEST_F(Ptd, HoldsTheWeightsByName) {
  const auto file = PtdFile::open(recorded("llm-apart.ptd"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_GT(file->data().size(), 10u);
  EXPECT_TRUE(std::ranges::is_sorted(file->data(), {}, &ExternalData::key));
  EXPECT_TRUE(
      std::ranges::any_of(file->data(), [](const auto& d) { return d.layout.has_value(); }));
  for (const ExternalData& data : file->data()) EXPECT_EQ(file->find(data.key), &data);
  EXPECT_EQ(file->find("no such weight"), nullptr);
  expect_sane();
}

TEST_F(Ptd, HoldsWhatItsModelNames) {
  const auto model = PteFile::open(recorded("llm-apart.pte"));
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  const std::vector<std::string>& names = model->summary().method("forward")->external_weights;
  EXPECT_FALSE(names.empty());
  EXPECT_TRUE(std::ranges::is_sorted(names));
  const auto file = PtdFile::open(recorded("llm-apart.ptd"));
  for (const std::string& name : names) EXPECT_NE(file->find(name), nullptr) << name;
  const auto whole = PteFile::open(recorded("llm-fp32.pte"));
  EXPECT_TRUE(whole->summary().method("forward")->external_weights.empty());
}

TEST_F(Ptd, OtherFilesAreRefused) {
  EXPECT_EQ(PtdFile::open(recorded("llm-apart.pte")).status().code(), StatusCode::Corrupt);
  EXPECT_EQ(PteFile::open(recorded("llm-apart.ptd")).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(PtdFile::open(recorded("none.ptd")).status().code(), StatusCode::NotFound);
  bytes_.clear();
  EXPECT_EQ(parsed().code(), StatusCode::Corrupt);
}

TEST_F(Ptd, ACutFileIsRefused) {
  const std::vector<uint8_t> whole = bytes_;
  for (size_t size = 0; size < whole.size() - 4096; size += size < 4096 ? 1 : 997) {
    bytes_.assign(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_EQ(parsed().code(), StatusCode::Corrupt) << size;
  }
}

TEST_F(Ptd, NumbersOfTheHeaderThatCannotBe) {
  for (const size_t at : {16, 24, 32, 40}) {
    const uint64_t before = number(at);
    for (const uint64_t bad : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{bytes_.size()} + 1}) {
      put(at, bad);
      EXPECT_EQ(parsed().code(), StatusCode::Corrupt) << at << " " << bad;
    }
    put(at, before);
  }
  EXPECT_TRUE(parsed().ok());
}

TEST_F(Ptd, NoFlippedByteOfTheContentsLeadsAstray) {
  // The padding behind the header is nobody's.
  const size_t begin = number(16), end = number(16) + number(24);
  ASSERT_LE(end, bytes_.size());
  for (size_t at = begin; at < end; ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      bytes_[at] = static_cast<uint8_t>(bytes_[at] ^ flip);
      expect_sane();
      bytes_[at] = static_cast<uint8_t>(bytes_[at] ^ flip);
    }
  }
}

}  // namespace
}  // namespace etb::model
