// A file is read as it was written; damage anywhere is an error or another valid file, never more.
#include "model/pte_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "model/precheck.h"
#include "model/test_program.h"
#include "platform/test_folder.h"

namespace etb::model {
namespace {

using namespace testing;  // NOLINT: the builders of test_program.h

std::vector<uint8_t> sample_file() {
  return write_pte(sample_program().program);
}

// A program with our keys among its named data, hence with a checksum that counts.
std::vector<uint8_t> own_file() {
  const Sample sample = sample_program();
  const auto named = [](std::string_view key) {
    return table({text(slot::kKey, key), i32(slot::kNamedSegment, 1)});
  };
  set(sample.program, sub(slot::kNamedData, tables({named(kManifestKey), named(kTokenizerKey)})));
  return write_pte(sample.program, {.own_header = true});
}

Status parse(const std::vector<uint8_t>& bytes) {
  return PteFile::parse(bytes, "model.pte").status();
}

TEST(PteFile, ReadsSegmentsConstantsAndNamedData) {
  const std::vector<uint8_t> bytes = sample_file();
  const auto file = PteFile::parse(bytes, "model.pte");
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  ASSERT_EQ(file->segments().size(), 2U);
  EXPECT_EQ(file->segments()[0].size, 256U);
  EXPECT_EQ(file->segments()[1].offset, file->segments()[0].offset + 256);
  EXPECT_EQ(file->constant_segment().size(), 256U);
  EXPECT_EQ(file->constant_segment()[5], 5);  // the builder fills segments with positions
  EXPECT_EQ(file->constant_offsets(), (std::vector<uint64_t>{0, 64, 128}));
  const auto note = file->named_data("note");
  ASSERT_TRUE(note.ok());
  EXPECT_EQ(note->data(), file->bytes().data() + file->segments()[1].offset);  // not a copy
  EXPECT_EQ(note->size(), 64U);
  EXPECT_FALSE(file->is_own());
  const Status missing = file->named_data("nothing").status();
  EXPECT_EQ(missing.code(), StatusCode::NotFound);
  EXPECT_NE(missing.message().find("'nothing'"), std::string_view::npos);
}

TEST(PteFile, SummarisesTheFile) {
  const std::vector<uint8_t> bytes = sample_file();
  const PteSummary summary = PteFile::parse(bytes, "model.pte")->summary();
  EXPECT_EQ(summary.file_bytes, bytes.size());
  EXPECT_EQ(summary.program_bytes, program_size(bytes));
  EXPECT_EQ(summary.segment_bytes, 320U);
  EXPECT_EQ(summary.constant_bytes, 256U);
  EXPECT_EQ(summary.named_data_bytes, 64U);
  ASSERT_EQ(summary.named_data.size(), 1U);
  EXPECT_EQ(summary.named_data[0].key, "note");
  EXPECT_EQ(summary.methods.size(), 7U);
}

TEST(PteFile, SummarisesAMethod) {
  const std::vector<uint8_t> bytes = sample_file();
  const PteSummary summary = PteFile::parse(bytes, "model.pte")->summary();
  const MethodSummary* forward = summary.method("forward");
  ASSERT_NE(forward, nullptr);
  ASSERT_EQ(forward->inputs.size(), 2U);
  EXPECT_EQ(forward->inputs[0].dtype, ScalarType::Long);
  EXPECT_EQ(forward->inputs[0].sizes, (std::vector<int32_t>{1, 4}));
  EXPECT_TRUE(forward->inputs[0].dynamic);
  EXPECT_EQ(forward->inputs[0].bytes, 32U);
  EXPECT_FALSE(forward->inputs[0].planned);
  EXPECT_FALSE(forward->inputs[1].dynamic);
  ASSERT_EQ(forward->outputs.size(), 1U);
  EXPECT_EQ(forward->outputs[0].dtype, ScalarType::Float);
  EXPECT_TRUE(forward->outputs[0].planned);
  EXPECT_EQ(forward->operators, (std::vector<std::string>{"test::mix.out", "test::sum.out"}));
  EXPECT_EQ(forward->instructions, 4U);
  EXPECT_EQ(forward->constant_tensors, 1U);
  EXPECT_EQ(forward->planned_bytes, (std::vector<uint64_t>{96, 256}));
  EXPECT_FALSE(forward->is_metadata());
  const MethodSummary* delegated = summary.method("delegated");
  ASSERT_NE(delegated, nullptr);
  EXPECT_EQ(delegated->backends, (std::vector<std::string>{"AbsentBackend"}));
  EXPECT_EQ(delegated->delegate_calls, 1U);
  EXPECT_EQ(summary.method("backward"), nullptr);
}

TEST(PteFile, ReadsMetadataMethods) {
  const std::vector<uint8_t> bytes = sample_file();
  const PteSummary summary = PteFile::parse(bytes, "model.pte")->summary();
  EXPECT_EQ(summary.int_constant("get_max_seq_len"), 128);
  EXPECT_EQ(summary.int_constant("use_kv_cache"), 1);
  EXPECT_EQ(summary.int_constants("get_eos_ids"), (std::vector<int64_t>{2, 7}));
  EXPECT_EQ(summary.string_constant("get_name"), "sample");
  EXPECT_EQ(std::get<double>(summary.method("get_scale")->constants[0]), 0.125);
  // Of another type, several where one is asked for, computing, or not there: nothing.
  EXPECT_EQ(summary.int_constant("get_eos_ids"), std::nullopt);
  EXPECT_EQ(summary.int_constant("get_name"), std::nullopt);
  EXPECT_EQ(summary.int_constant("forward"), std::nullopt);
  EXPECT_EQ(summary.int_constant("absent"), std::nullopt);
  EXPECT_EQ(summary.string_constant("get_max_seq_len"), std::nullopt);
  EXPECT_TRUE(summary.int_constants("absent").empty());
}

// 4096 outputs that all are one text of 1 kB: 4 MB of a file of a few kilobytes.
TEST(PteFile, TextsNamedOftenDoNotMultiply) {
  const auto summary_of = [](size_t outputs) {
    const Sample sample = sample_program();
    const NodePtr method = item(at(sample.program, slot::kPlans), 6);  // get_name
    set(at(item(at(method, slot::kValues), 0), slot::kValue),
        text(slot::kScalar, std::string(1024, 'x')));
    set(method, sub(slot::kOutputs, ints(std::vector<int32_t>(outputs, 0))));
    const std::vector<uint8_t> bytes = write_pte(sample.program);
    const auto file = PteFile::parse(bytes, "model.pte");
    EXPECT_TRUE(file.ok()) << file.status().to_string();
    return file->summary();
  };
  EXPECT_EQ(summary_of(1024).method("get_name")->constants.size(), 1024U);
  const PteSummary summary = summary_of(1025);
  EXPECT_TRUE(summary.method("get_name")->constants.empty());
  EXPECT_EQ(summary.int_constant("get_max_seq_len"), 128);
}

// A file whose first segment, the constants, has 256 bytes, and whose second is the manifest.
std::vector<uint8_t> with_manifest(uint64_t constant_bytes, std::string_view name = "Small") {
  Manifest manifest;
  manifest.family = "llama";
  manifest.name = name;
  manifest.shape = {.layers = 1, .width = 32, .ffn = 32, .heads = 2, .kv_heads = 1, .head_dim = 16};
  manifest.shape.n_rot = 16;
  manifest.shape.vocab = 8;
  manifest.shape.context_train = 64;
  manifest.shape.rope_base = 10000;
  manifest.shape.attention_scale = 0.25;
  manifest.defaults = {.context = 64, .chunk = 8};
  manifest.constant_bytes = constant_bytes;
  EXPECT_TRUE(validate(manifest).ok()) << validate(manifest).to_string();
  const std::string text = serialize(manifest);
  const Sample sample = sample_program();
  set(item(at(sample.program, slot::kNamedData), 0), testing::text(slot::kKey, kManifestKey));
  set(item(at(sample.program, slot::kSegments), 1),
      i64(slot::kSize, static_cast<int64_t>(text.size())));
  std::vector<uint8_t> bytes =
      write_pte(sample.program, {.own_header = true, .segment_bytes = 256 + text.size()});
  std::copy(text.begin(), text.end(), bytes.end() - static_cast<long>(text.size()));
  return bytes;
}

TEST(PteFile, ReadsTheManifestOfOurs) {
  const std::vector<uint8_t> bytes = with_manifest(256);
  const auto manifest = PteFile::parse(bytes, "own.pte")->manifest();
  ASSERT_TRUE(manifest.ok()) << manifest.status().to_string();
  EXPECT_EQ(manifest->name, "Small");
  EXPECT_EQ(manifest->constant_bytes, 256U);
}

TEST(PteFile, AManifestMustFitItsFile) {
  const std::vector<uint8_t> stock = sample_file();
  EXPECT_EQ(PteFile::parse(stock, "stock.pte")->manifest().status().code(), StatusCode::NotFound);
  const std::vector<uint8_t> larger = with_manifest(257);
  const Status beyond = PteFile::parse(larger, "own.pte")->manifest().status();
  EXPECT_EQ(beyond.code(), StatusCode::Corrupt);
  EXPECT_NE(beyond.message().find("'own.pte'"), std::string_view::npos) << beyond.to_string();
  std::vector<uint8_t> damaged = with_manifest(256);
  damaged.back() ^= 1;  // in the manifest's own checksum
  EXPECT_EQ(PteFile::parse(damaged, "own.pte")->manifest().status().code(), StatusCode::Corrupt);
}

TEST(PteFile, OpensAMappedFileAndKeepsTheMapping) {
  TestFolder folder;
  const std::string path = folder.write("model.pte", sample_file());
  auto file = PteFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  const PteFile moved = std::move(*file);
  EXPECT_EQ(moved.name(), path);
  ASSERT_NE(moved.mapping(), nullptr);
  EXPECT_EQ(moved.bytes().data(), moved.mapping()->bytes().data());
  EXPECT_EQ(moved.summary().methods.size(), 7U);
}

TEST(PteFile, ErrorsNameThePath) {
  TestFolder folder;
  EXPECT_EQ(PteFile::open(folder.path("none.pte")).status().code(), StatusCode::NotFound);
  EXPECT_EQ(PteFile::open(folder.write("empty.pte", "")).status().code(), StatusCode::Corrupt);
  const std::string path = folder.write("text.pte", std::string(1000, 'x'));
  const Status status = PteFile::open(path).status();
  EXPECT_EQ(status.code(), StatusCode::Corrupt);
  EXPECT_NE(status.message().find(path), std::string_view::npos);
}

TEST(PteFile, ANewerSchemaIsUnsupported) {
  const Sample sample = sample_program();
  set(sample.program, i32(slot::kVersion, 1));
  EXPECT_EQ(parse(write_pte(sample.program)).code(), StatusCode::Unsupported);
}

TEST(PteFile, SegmentsBeyondTheFileAreNamed) {
  for (int64_t offset : {int64_t{257}, int64_t{-1}}) {
    const Sample sample = sample_program();
    set(item(at(sample.program, slot::kSegments), 1), i64(slot::kOffset, offset));
    const Status status = parse(write_pte(sample.program));
    EXPECT_EQ(status.code(), StatusCode::Corrupt);
    EXPECT_NE(status.message().find("segment 1"), std::string_view::npos) << status.to_string();
  }
}

TEST(PteFile, SegmentsNeedAPlaceInTheFile) {
  EXPECT_EQ(parse(write_pte(sample_program().program, {.segment_bytes = 0})).code(),
            StatusCode::Corrupt);
}

TEST(PteFile, IdsOfSegmentsAreChecked) {
  const Sample named = sample_program();
  set(item(at(named.program, slot::kNamedData), 0), i32(slot::kNamedSegment, 2));
  EXPECT_NE(parse(write_pte(named.program)).message().find("named data 'note'"),
            std::string_view::npos);
  const Sample constants = sample_program();
  set(at(constants.program, slot::kConstants), i32(slot::kSegmentIndex, 9));
  EXPECT_EQ(parse(write_pte(constants.program)).code(), StatusCode::Corrupt);
  const Sample offsets = sample_program();
  set(at(offsets.program, slot::kConstants), sub(slot::kOffsets, longs({0, 257})));
  EXPECT_NE(parse(write_pte(offsets.program)).message().find("constant 1"), std::string_view::npos);
}

TEST(PteFile, OursMustMatchItsChecksum) {
  std::vector<uint8_t> bytes = own_file();
  const auto file = PteFile::parse(bytes, "own.pte");
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_TRUE(file->is_own());
  int unnoticed = 0;
  for (size_t i = 8; i < program_size(bytes); ++i) {
    for (const uint8_t bit : {uint8_t{4}, uint8_t{8}}) {  // 40 ^ 8: a header without a checksum
      bytes[i] ^= bit;
      const auto damaged = PteFile::parse(bytes, "own.pte");  // or it is no longer ours
      if (damaged.ok() && damaged->is_own()) ++unnoticed;
      bytes[i] ^= bit;
    }
  }
  EXPECT_EQ(unnoticed, 0);
}

// Any length that leaves no room for the checksum.
TEST(PteFile, OursCannotLoseItsChecksum) {
  std::vector<uint8_t> bytes = own_file();
  for (uint8_t length = 24; length < kOwnHeaderLength; ++length) {
    bytes[kHeaderAt + 4] = length;
    EXPECT_EQ(parse(bytes).code(), StatusCode::Corrupt) << int{length};
  }
}

TEST(PteFile, EveryTruncationIsAnError) {
  for (const std::vector<uint8_t>& bytes : {sample_file(), own_file()}) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(parse({bytes.begin(), bytes.begin() + static_cast<long>(size)}).ok()) << size;
    }
  }
}

TEST(PteFile, DamageIsAnErrorOrAnotherFile) {
  const std::vector<uint8_t> bytes = sample_file();
  std::mt19937 random(7);
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> damaged = bytes;
    for (auto i = random() % 4 + 1; i > 0; --i) {
      damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
    }
    const auto file = PteFile::parse(damaged, "model.pte");
    if (!file.ok()) {
      EXPECT_FALSE(file.status().message().empty());
      continue;
    }
    ++read;
    for (size_t i = 0; i < file->segments().size(); ++i) {
      EXPECT_LE(file->segment(i).data() + file->segment(i).size(), damaged.data() + damaged.size());
    }
  }
  EXPECT_GT(read, 1000);
}

// A million methods in 4 MB, all the same one: bounded work, not a million summaries. Offsets only
// lead forward, so the one method follows the list.
TEST(PteFile, SharedPartsCannotMakeItSlow) {
  const Sample sample = sample_program();
  std::vector<uint8_t> bytes =
      write_pte(table({sub(slot::kPlans, tables({sample.forward}))}), {.segment_bytes = 0});
  const uint32_t count = 1'000'000;
  const size_t list = bytes.size();
  std::vector<uint8_t> tail(8 + size_t{4} * count, 0);
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  const size_t copy = bytes.size();
  const std::vector<uint8_t> again = write_pte(sample.forward, {.segment_bytes = 0});
  bytes.insert(bytes.end(), again.begin(), again.end());
  const auto put = [&bytes](size_t where, uint32_t number) {
    std::memcpy(bytes.data() + where, &number, sizeof number);
  };
  uint32_t method = 0;
  std::memcpy(&method, again.data(), sizeof method);
  put(list, count);
  for (uint32_t i = 0; i < count; ++i) {
    const size_t where = list + 4 + size_t{4} * i;
    put(where, static_cast<uint32_t>(copy + method - where));
  }
  uint32_t root = 0;
  std::memcpy(&root, bytes.data(), sizeof root);
  const uint64_t field = FlatTable(bytes, root).field(slot::kPlans);
  put(field, static_cast<uint32_t>(list - field));
  const uint64_t size = bytes.size();
  std::memcpy(bytes.data() + 16, &size, sizeof size);
  const Status status = parse(bytes);
  EXPECT_EQ(status.code(), StatusCode::Corrupt);
  EXPECT_NE(status.message().find("too many"), std::string_view::npos) << status.to_string();
}

}  // namespace
}  // namespace etb::model
