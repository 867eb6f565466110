// The program part: what it holds, that it can be written again for other sizes, and that a
// manifest which does not fit its family is refused.
#include "import/program.h"

#include <gtest/gtest.h>

#include <cstring>

#include "import/importer.h"
#include "layout/layout.h"
#include "model/precheck.h"
#include "model/pte_file.h"

namespace etb::import {
namespace {

using model::Manifest;
using model::TensorEntry;

void add_tensor(Manifest& m, std::string name, std::string format, uint64_t rows, uint64_t cols) {
  TensorEntry entry{
      .name = std::move(name), .format = std::move(format), .rows = rows, .cols = cols};
  entry.bytes = cols * 4;
  if (!entry.is_vector()) {
    entry.bytes = sizeof(layout::BlobHeader) +
                  layout::data_bytes(*layout::format_from_name(entry.format), rows, cols);
  }
  entry.offset = (m.constant_bytes + 63) / 64 * 64;
  m.constant_bytes = entry.offset + entry.bytes;
  m.tensors.push_back(std::move(entry));
}

Manifest tiny(bool own_head = false) {
  Manifest m;
  m.family = "llama";
  m.name = "Tiny";
  m.shape = {.layers = 2,
             .width = 64,
             .ffn = 96,
             .heads = 4,
             .kv_heads = 2,
             .head_dim = 16,
             .n_rot = 16,
             .vocab = 320,
             .context_train = 2048,
             .eps = 1e-5,
             .rope_base = 10000,
             .attention_scale = 0.25};
  m.defaults = {.context = 512, .chunk = 128};
  m.tokens = {.bos = 1, .eos = 2, .stop = {0, 2}};
  add_tensor(m, "inv_freq", "vector", 1, 8);
  for (const std::string prefix : {"blk.0.", "blk.1."}) {
    add_tensor(m, prefix + "attn_norm", "vector", 1, 64);
    add_tensor(m, prefix + "attn_q", "w4a", 64, 64);
    add_tensor(m, prefix + "attn_k", "w4a", 32, 64);
    add_tensor(m, prefix + "attn_v", "w8g16", 32, 64);
    add_tensor(m, prefix + "attn_output", "w4a", 64, 64);
    add_tensor(m, prefix + "ffn_norm", "vector", 1, 64);
    add_tensor(m, prefix + "ffn_gate", "w4a", 96, 64);
    add_tensor(m, prefix + "ffn_up", "w4s", 96, 64);
    add_tensor(m, prefix + "ffn_down", "f16", 64, 96);
  }
  add_tensor(m, "output_norm", "vector", 1, 64);
  if (own_head) add_tensor(m, "output", "w8s", 320, 64);
  add_tensor(m, "token_embd", "w8s", 320, 64);
  return m;
}

// With all that only some families have: in the program each is an argument in place of none.
Manifest with_everything() {
  Manifest m = tiny();
  m.shape.windows = {128, 0};
  m.shape.rope_original_context = 1024;
  m.shape.attention_softcap = 50;
  m.shape.activation = model::Activation::GeluTanh;
  add_tensor(m, "inv_freq_long", "vector", 1, 8);
  add_tensor(m, "inv_freq_window", "vector", 1, 8);
  for (const std::string prefix : {"blk.0.", "blk.1."}) {
    add_tensor(m, prefix + "attn_q_bias", "vector", 1, 64);
    add_tensor(m, prefix + "attn_k_bias", "vector", 1, 32);
    add_tensor(m, prefix + "attn_v_bias", "vector", 1, 32);
    add_tensor(m, prefix + "attn_q_norm", "vector", 1, 16);
    add_tensor(m, prefix + "attn_k_norm", "vector", 1, 16);
    add_tensor(m, prefix + "attn_post_norm", "vector", 1, 64);
    add_tensor(m, prefix + "ffn_post_norm", "vector", 1, 64);
  }
  return m;
}

// A whole file: the program, and zeros where its segments are.
std::vector<uint8_t> file_with(const std::vector<uint8_t>& program) {
  std::vector<uint8_t> file = program;
  const auto header = model::parse_header(program, UINT64_MAX / 2);
  EXPECT_TRUE(header.ok());
  file.resize(header->segment_base + header->segment_data_size);
  return file;
}

TEST(Program, IsAWellFormedPteWithBothForwards) {
  const auto program = emit_program(tiny(), {});
  ASSERT_TRUE(program.ok()) << program.status().to_string();
  const auto bytes = file_with(*program);
  const auto pte = model::PteFile::parse(bytes, "tiny");
  ASSERT_TRUE(pte.ok()) << pte.status().to_string();
  const Manifest m = tiny();
  ASSERT_EQ(pte->constant_offsets().size(), m.tensors.size() + 1);
  for (size_t i = 0; i < m.tensors.size(); ++i) {
    EXPECT_EQ(pte->constant_offsets()[i + 1], m.tensors[i].offset);
  }
  EXPECT_EQ(pte->constant_segment().size(), m.constant_bytes);
  EXPECT_EQ(pte->header().segment_base % kSegmentAlign, 0u);
  EXPECT_TRUE(pte->header().checksum.has_value());
}

TEST(Program, PassesThePrecheckWithTheOperatorsSignatures) {
  const model::OperatorSignature signatures[] = {
      {"etb::embed.out", "TCDW"},
      {"etb::rope_table.out", "TTCDW"},
      {"etb::attention.out", "TTTCCCCCccccccWWIIIIIIIDDDW"},
      {"etb::mlp.out", "TCCCCcWIDW"},
      {"etb::head.out", "TCCWIDDW"},
  };
  for (const Manifest& m : {tiny(), tiny(true), with_everything()}) {
    const auto program = emit_program(m, {});
    ASSERT_TRUE(program.ok()) << program.status().to_string();
    model::PrecheckLimits limits;
    limits.total_bytes = file_with(*program).size();
    limits.signatures = signatures;
    const Status checked = model::precheck_program(*program, limits);
    EXPECT_TRUE(checked.ok()) << checked.to_string();
  }
}

TEST(Program, HasTheSameSizeForEveryContextAndChunk) {
  const auto first = emit_program(tiny(), {});
  ASSERT_TRUE(first.ok());
  const uint64_t base = model::parse_header(*first, UINT64_MAX / 2)->segment_base;
  for (const uint32_t context : {1u, 64u, 1000u, 131072u}) {
    for (const uint32_t chunk : {1u, 16u, 512u}) {
      const auto again =
          emit_program(tiny(), {.context = context, .chunk = chunk, .segment_base = base});
      ASSERT_TRUE(again.ok()) << again.status().to_string();
      EXPECT_EQ(again->size(), first->size());
      EXPECT_EQ(model::parse_header(*again, UINT64_MAX / 2)->segment_base, base);
    }
  }
}

TEST(Program, ChoosesItsFrequenciesByTheContextAndKeepsItsSize) {
  const auto of_context = [](uint32_t context) {
    return emit_program(with_everything(), {.context = context, .segment_base = 65536}).value();
  };
  EXPECT_EQ(of_context(1024).size(), of_context(1088).size());
  // Without a second set the two differ only in the context itself.
  const auto differences = [](const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
    size_t count = 0;
    for (size_t i = 64; i < a.size(); ++i) count += a[i] != b[i] ? 1 : 0;
    return count;
  };
  Manifest one_set = with_everything();
  one_set.shape.rope_original_context = 0;
  const auto plain = [&](uint32_t context) {
    return emit_program(one_set, {.context = context, .segment_base = 65536}).value();
  };
  EXPECT_GT(differences(of_context(1024), of_context(1088)), differences(plain(1024), plain(1088)));
  EXPECT_EQ(of_context(1024), plain(1024));
}

TEST(Program, FrequenciesThatAreMissingOrOfAnotherSizeAreNamed) {
  Manifest m = tiny();
  m.shape.rope_original_context = 1024;
  EXPECT_NE(emit_program(m, {}).status().message().find("inv_freq_long"), std::string_view::npos);
  m = tiny();
  add_tensor(m, "inv_freq_window", "vector", 1, 16);
  EXPECT_NE(emit_program(m, {}).status().message().find("inv_freq_window"), std::string_view::npos);
}

TEST(Program, WrittenAgainForTheSameSizesItIsTheSame) {
  const std::vector<NamedSegment> named = {{"etb.manifest", 1000}, {"etb.tokenizer", 70000}};
  const auto first = emit_program(tiny(), {.named = named});
  ASSERT_TRUE(first.ok());
  const uint64_t base = model::parse_header(*first, UINT64_MAX / 2)->segment_base;
  const auto again =
      emit_program(tiny(), {.context = 512, .chunk = 128, .segment_base = base, .named = named});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, *first);
}

TEST(Program, NamedSegmentsFollowTheConstantsAligned) {
  const auto program =
      emit_program(tiny(), {.named = {{"etb.manifest", 1000}, {"etb.tokenizer", 70000}}});
  ASSERT_TRUE(program.ok());
  auto bytes = file_with(*program);
  const auto pte = model::PteFile::parse(bytes, "tiny");
  ASSERT_TRUE(pte.ok()) << pte.status().to_string();
  ASSERT_EQ(pte->segments().size(), 3u);
  for (const auto& segment : pte->segments()) EXPECT_EQ(segment.offset % kSegmentAlign, 0u);
  EXPECT_EQ(pte->named_data("etb.manifest")->size(), 1000u);
  EXPECT_EQ(pte->named_data("etb.tokenizer")->size(), 70000u);
}

TEST(Program, ThatDoesNotFitBeforeTheSegmentsIsRefused) {
  const auto program = emit_program(tiny(), {.segment_base = 64});
  EXPECT_EQ(program.status().code(), StatusCode::Unsupported);
}

TEST(Program, ImpossibleSizesAreRefused) {
  EXPECT_FALSE(emit_program(tiny(), {.context = UINT32_MAX}).ok());
  EXPECT_FALSE(emit_program(tiny(), {.chunk = 100000}).ok());
  Manifest wide = tiny();
  wide.shape.vocab = 1 << 22;
  EXPECT_FALSE(emit_program(wide, {}).ok());  // the table has not so many rows
}

TEST(Program, MissingAndMisshapenTensorsAreNamed) {
  for (size_t i = 0; i < tiny().tensors.size(); ++i) {
    Manifest missing = tiny();
    const std::string name = missing.tensors[i].name;
    missing.tensors.erase(missing.tensors.begin() + static_cast<std::ptrdiff_t>(i));
    const Status status = emit_program(missing, {}).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
    EXPECT_NE(status.message().find(name), std::string_view::npos) << status.to_string();

    Manifest misshapen = tiny();
    misshapen.tensors[i].cols /= 2;
    misshapen.tensors[i].bytes = misshapen.tensors[i].cols * 4;
    EXPECT_EQ(emit_program(misshapen, {}).status().code(), StatusCode::InvalidArgument) << name;
  }
}

TEST(Program, BlobsOfTheWrongByteCountAreRefused) {
  Manifest m = tiny();
  m.tensors.back().bytes -= 16;
  EXPECT_NE(emit_program(m, {}).status().message().find("token_embd"), std::string_view::npos);
  m = tiny();
  m.tensors.back().format = "w3x";
  EXPECT_EQ(emit_program(m, {}).status().code(), StatusCode::Unsupported);
}

TEST(Program, UnknownFamiliesAreNamed) {
  Manifest m = tiny();
  m.family = "mamba";
  const Status status = emit_program(m, {}).status();
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_NE(status.message().find("mamba"), std::string_view::npos);
  EXPECT_NE(status.message().find("llama"), std::string_view::npos);
}

}  // namespace
}  // namespace etb::import
