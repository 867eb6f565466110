// The header's numbers are believed only as far as the file reaches.
#include "model/pte_header.h"

#include <gtest/gtest.h>

#include <cstring>

#include "model/test_program.h"

namespace etb::model {
namespace {

std::vector<uint8_t> sample(bool own = false) {
  return testing::write_pte(testing::sample_program().program, {.own_header = own});
}

template <class T>
std::vector<uint8_t> with(std::vector<uint8_t> file, size_t at, T value) {
  std::memcpy(file.data() + at, &value, sizeof value);
  return file;
}

Status parse(const std::vector<uint8_t>& file) {
  return parse_header(file, file.size()).status();
}

TEST(PteHeader, ReadsItsNumbers) {
  const std::vector<uint8_t> file = sample();
  const auto header = parse_header(file, file.size());
  ASSERT_TRUE(header.ok()) << header.status().to_string();
  EXPECT_EQ(header->length, kRuntimeHeaderLength);
  EXPECT_EQ(header->program_size, testing::program_size(file));
  EXPECT_EQ(header->segment_base + header->segment_data_size, file.size());
  EXPECT_FALSE(header->checksum.has_value());
}

TEST(PteHeader, OursCarriesAChecksumOfTheProgramAlone) {
  std::vector<uint8_t> file = sample(true);
  const auto header = parse_header(file, file.size());
  ASSERT_TRUE(header.ok() && header->checksum.has_value());
  const size_t size = testing::program_size(file);
  const auto sum = [&] { return program_checksum(std::span(file).first(size)).value(); };
  EXPECT_EQ(sum(), *header->checksum);
  // Every byte of the program counts but those of the checksum itself.
  for (size_t at : {size_t{0}, size_t{12}, kChecksumAt - 1, kChecksumAt + 8, size - 1}) {
    file[at] ^= 1;
    EXPECT_NE(sum(), *header->checksum) << at;
    file[at] ^= 1;
  }
  file[kChecksumAt] ^= 1;
  file[size] ^= 1;
  EXPECT_EQ(sum(), *header->checksum);
}

TEST(PteHeader, WithoutOneTheWholeFileIsTheProgram) {
  const std::vector<uint8_t> file = with(sample(), kHeaderAt, uint32_t{0});
  const auto header = parse_header(file, file.size());
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->length, 0U);
  EXPECT_EQ(header->program_size, file.size());
  EXPECT_EQ(header->segment_base, 0U);
}

TEST(PteHeader, NamesWhatIsNoPte) {
  std::vector<uint8_t> file = sample();
  EXPECT_EQ(parse({}).code(), StatusCode::Corrupt);
  EXPECT_EQ(parse({file.begin(), file.begin() + 63}).code(), StatusCode::Corrupt);
  EXPECT_EQ(parse(with(file, 4, uint32_t{0x33315445})).code(), StatusCode::Unsupported);  // ET13
  EXPECT_EQ(parse(with(file, 4, uint32_t{0})).code(), StatusCode::Corrupt);
  const Status gguf = parse(with(with(file, 4, uint32_t{3}), 0, uint32_t{0x46554747}));
  EXPECT_NE(gguf.message().find("a GGUF file"), std::string_view::npos);
}

TEST(PteHeader, RefusesNumbersThatCannotBe) {
  const std::vector<uint8_t> file = sample();
  const uint64_t size = file.size();
  for (uint32_t length : {0U, 23U, 4097U, ~0U}) {
    EXPECT_EQ(parse(with(file, 12, length)).code(), StatusCode::Corrupt) << length;
  }
  for (uint64_t program : {uint64_t{0}, uint64_t{63}, size + 1, ~uint64_t{0}}) {
    EXPECT_EQ(parse(with(file, 16, program)).code(), StatusCode::Corrupt) << program;
  }
  for (uint64_t base : {uint64_t{1}, size + 1, ~uint64_t{0}}) {
    EXPECT_EQ(parse(with(file, 24, base)).code(), StatusCode::Corrupt) << base;
  }
  for (uint64_t data : {size, ~uint64_t{0}}) {
    EXPECT_EQ(parse(with(file, 32, data)).code(), StatusCode::Corrupt) << data;
  }
}

TEST(PteHeader, ATruncationSaysHowMuchIsMissing) {
  const std::vector<uint8_t> file = sample();
  const Status status = parse({file.begin(), file.begin() + 1000});
  EXPECT_EQ(status.code(), StatusCode::Corrupt);
  EXPECT_NE(status.message().find("the file has 1000"), std::string_view::npos);
  EXPECT_NE(status.message().find("get the file again"), std::string_view::npos);
}

}  // namespace
}  // namespace etb::model
