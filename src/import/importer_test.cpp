// Whole imports of random models: every weight arrives where the manifest says with its value,
// what cannot be imported is refused by name, and nothing is ever half-written.
#include "import/importer.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <cerrno>
#include <cmath>
#include <cstring>

#include "family/vocab.h"
#include "import/gguf_model.h"
#include "import/test_files.h"
#include "import/verify.h"
#include "layout/layout.h"
#include "layout/pack.h"
#include "model/precheck.h"
#include "model/pte_file.h"
#include "support/random_gguf.h"

namespace etb::import {
namespace {

using layout::GgmlType;
using test::RandomGgufSpec;

class Importer : public testing::Test {
 protected:
  Status import(const RandomGgufSpec& spec, const ImportOptions& options = {}) {
    return import_bytes(test::random_gguf(spec), options);
  }
  Status import_bytes(const std::string& bytes, const ImportOptions& options = {}) {
    write_file(in_, bytes);
    return import_gguf(in_, out_, options).status();
  }
  // Status of an import that must leave nothing behind.
  Status refused(const RandomGgufSpec& spec, const ImportOptions& options = {}) {
    const Status status = import(spec, options);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(folder_.names(), std::vector<std::string>{"in.gguf"}) << status.to_string();
    return status;
  }

  TestFolder folder_;
  std::string in_ = folder_.path("in.gguf");
  std::string out_ = folder_.path("out.pte");
};

model::Manifest manifest_of(const model::PteFile& pte) {
  const auto manifest = pte.manifest();
  EXPECT_TRUE(manifest.ok()) << manifest.status().to_string();
  return *manifest;
}

std::vector<float> source_row(const GgufTensor& tensor, size_t row) {
  std::vector<float> values(tensor.cols);
  const size_t stride = layout::row_bytes(tensor.type, tensor.cols);
  layout::dequantise_row(tensor.type, tensor.bytes.data() + row * stride, tensor.cols,
                         values.data());
  return values;
}

// Every element of every tensor of `pte` against the GGUF, rows un-permuted by the formula of the
// format's converter: source row 2i + h of a head is row h * half + i.
void expect_same_weights(const std::string& gguf_path, const std::string& pte_path) {
  const auto gguf = GgufModel::open(gguf_path);
  const auto pte = model::PteFile::open(pte_path);
  ASSERT_TRUE(gguf.ok() && pte.ok());
  const model::Manifest m = manifest_of(*pte);
  for (const model::TensorEntry& entry : m.tensors) {
    if (entry.name == "inv_freq") continue;
    const GgufTensor* tensor = gguf->find_tensor(entry.name + ".weight");
    ASSERT_NE(tensor, nullptr) << entry.name;
    const auto bytes = pte->constant_segment().subspan(entry.offset, entry.bytes);
    if (entry.is_vector()) {
      const auto expected = source_row(*tensor, 0);
      EXPECT_EQ(std::memcmp(bytes.data(), expected.data(), bytes.size()), 0) << entry.name;
      continue;
    }
    const auto matrix = layout::open_blob(bytes);
    ASSERT_TRUE(matrix.ok()) << entry.name;
    const bool rotated = entry.name.ends_with("attn_q") || entry.name.ends_with("attn_k");
    const size_t half = m.shape.head_dim / 2;
    const bool k_quant = layout::block_info(tensor->type).elements == 256;
    for (size_t row = 0; row < entry.rows; ++row) {
      const size_t head = row / m.shape.head_dim * m.shape.head_dim;
      const size_t i = row % m.shape.head_dim;
      const auto expected = source_row(*tensor, rotated ? head + 2 * (i % half) + i / half : row);
      for (size_t col = 0; col < entry.cols; ++col) {
        const float got = layout::element(*matrix, row, col);
        if (k_quant) {
          ASSERT_NEAR(got, expected[col], 0.01) << entry.name << " " << row << "," << col;
        } else {
          ASSERT_EQ(got, expected[col]) << entry.name << " " << row << "," << col;
        }
      }
    }
  }
}

TEST_F(Importer, EveryTypeArrivesWithItsValues) {
  for (const layout::BlockInfo& info : layout::all_block_infos()) {
    RandomGgufSpec spec{.width = 256, .ffn = 512, .heads = 4, .kv_heads = 2, .head_dim = 64};
    spec.matrices = info.type;
    spec.embedding = info.type;
    ASSERT_TRUE(import(spec).ok()) << info.name;
    expect_same_weights(in_, out_);
  }
}

TEST_F(Importer, TypesMayDifferFromTensorToTensor) {
  RandomGgufSpec spec;
  spec.width = 288;  // no multiple of 256
  spec.heads = 9;
  spec.kv_heads = 3;
  spec.head_dim = 32;
  spec.own_head = true;
  spec.types = {{"attn_q", GgmlType::Q5_0},       {"attn_v", GgmlType::Q8_0},
                {"blk.1.attn_k", GgmlType::Q5_1}, {"ffn_down", GgmlType::F16},
                {"token_embd", GgmlType::Q4_0},   {"output", GgmlType::BF16}};
  ASSERT_TRUE(import(spec).ok());
  expect_same_weights(in_, out_);
}

TEST_F(Importer, LargeTensorsAreCutIntoSlabsWithoutATrace) {
  // 4000 rows of 1024: several slabs, and a last row group that is not full.
  RandomGgufSpec spec{
      .layers = 1, .width = 1024, .ffn = 4000 / 32 * 32, .heads = 16, .kv_heads = 16};
  spec.head_dim = 64;
  spec.vocab = 4001;
  spec.matrices = GgmlType::F16;
  ASSERT_TRUE(import(spec).ok());
  expect_same_weights(in_, out_);
}

// Heads of 48 rows and slabs of 256: a slab ends inside a head, whose rows are un-permuted.
TEST_F(Importer, ASlabMayEndInsideAHead) {
  RandomGgufSpec spec{.layers = 1, .width = 1024, .heads = 16, .kv_heads = 8, .head_dim = 48};
  spec.types = {{"attn_q", GgmlType::F32}, {"attn_k", GgmlType::F32}};
  ASSERT_TRUE(import(spec).ok());
  expect_same_weights(in_, out_);
}

// What the kernels would refuse at the first forward is refused here.
TEST_F(Importer, ShapesThatTheKernelsDoNotTakeAreNamedWithTheirLimit) {
  const std::pair<uint32_t, const char*> head_dims[] = {
      {24, "head_dim = 24 is outside what this version can run (a multiple of 16)"},
      {8, "head_dim = 8 is outside what this version can run (from 16 to 512)"},
      {528, "head_dim = 528 is outside what this version can run (from 16 to 512)"},
  };
  for (const auto& [head_dim, says] : head_dims) {
    RandomGgufSpec spec;
    spec.head_dim = head_dim;
    const Status status = refused(spec);
    EXPECT_EQ(status.code(), StatusCode::Unsupported);
    EXPECT_NE(status.message().find(says), std::string_view::npos) << status.to_string();
    EXPECT_NE(status.message().find("in.gguf"), std::string_view::npos) << status.to_string();
  }
}

TEST_F(Importer, TheFileSaysWhatItIs) {
  RandomGgufSpec spec{.vocab = 400, .context = 8192, .rope_base = 50000.0f, .add_bos = true};
  spec.name = "Name with\nnew line";
  ASSERT_TRUE(import(spec).ok());
  const auto pte = model::PteFile::open(out_);
  ASSERT_TRUE(pte.ok());
  const model::Manifest m = manifest_of(*pte);
  EXPECT_EQ(m.family, "llama");
  EXPECT_EQ(m.name, "Name with new line");
  EXPECT_EQ(m.source_type.substr(0, 4), "Q4_1");
  EXPECT_EQ(m.shape.vocab, 400u);
  EXPECT_EQ(m.shape.context_train, 8192u);
  EXPECT_EQ(m.defaults.context, 4096u);
  EXPECT_EQ(m.shape.rope_base, 50000.0);
  EXPECT_EQ(m.shape.attention_scale, 0.25);
  EXPECT_EQ(m.tokens.stop, (std::vector<TokenId>{0, 2}));
  EXPECT_TRUE(m.tokens.add_bos);
  const std::string source = read_file(in_);
  EXPECT_EQ(m.source_hash, XXH3_64bits(source.data(), source.size()));
  EXPECT_EQ(m.source_bytes, source.size());
  const auto vocab = family::parse_vocab(*pte->named_data(model::kTokenizerKey));
  ASSERT_TRUE(vocab.ok()) << vocab.status().to_string();
  EXPECT_EQ(vocab->size(), 400u);
  EXPECT_NE(pte->named_data(model::kTemplateKey)->size(), 0u);
}

TEST_F(Importer, InverseFrequenciesFollowBaseFactorsAndScaling) {
  RandomGgufSpec spec{.rope_base = 10000.0f};
  spec.rope_factors = {"rope_freqs"};
  spec.extra_keys = [](test::GgufWriter& writer) {
    writer.key_text("llama.rope.scaling.type", "linear");
    writer.key_f32("llama.rope.scaling.factor", 4.0f);
  };
  ASSERT_TRUE(import(spec).ok());
  const auto gguf = GgufModel::open(in_);
  const auto factors = source_row(*gguf->find_tensor("rope_freqs.weight"), 0);
  const auto pte = model::PteFile::open(out_);
  const model::TensorEntry* entry = nullptr;
  const model::Manifest m = manifest_of(*pte);
  entry = m.find("inv_freq");
  ASSERT_NE(entry, nullptr);
  ASSERT_EQ(entry->cols, 8u);
  for (size_t i = 0; i < entry->cols; ++i) {
    float got = 0;
    std::memcpy(&got, pte->constant_segment().data() + entry->offset + 4 * i, 4);
    const double expected = std::pow(10000.0, -2.0 * static_cast<double>(i) / 16) / factors[i] / 4;
    EXPECT_FLOAT_EQ(got, static_cast<float>(expected)) << i;
  }
}

TEST_F(Importer, SentencePieceVocabulariesToo) {
  RandomGgufSpec spec;
  spec.tokenizer = test::RandomVocab::SentencePiece;
  spec.chat_template = "";
  ASSERT_TRUE(import(spec).ok());
  const auto pte = model::PteFile::open(out_);
  EXPECT_FALSE(pte->has_named_data(model::kTemplateKey));
  EXPECT_EQ(family::parse_vocab(*pte->named_data(model::kTokenizerKey))->kind(),
            family::VocabKind::SentencePiece);
}

TEST_F(Importer, SplitFilesAreOneModel) {
  // Keys and the first tensors in one part, the rest in the other.
  const std::string whole = test::random_gguf({});
  write_file(in_, whole);
  const auto model = GgufModel::open(in_);
  ASSERT_TRUE(model.ok());
  const GgufFile& file = model->metadata();
  const auto part = [&](size_t from, size_t to, uint32_t number) {
    test::GgufWriter writer;
    std::string data;
    for (const GgufValue& value : file.values()) {
      std::string payload(reinterpret_cast<const char*>(value.payload.data()),
                          value.payload.size());
      if (value.type == GgufType::Array) {
        const auto element = static_cast<uint32_t>(value.element);
        payload.insert(0, reinterpret_cast<const char*>(&value.count), 8);
        payload.insert(0, reinterpret_cast<const char*>(&element), 4);
      }
      if (number == 0) writer.key_raw(value.key, static_cast<uint32_t>(value.type), payload);
    }
    writer.key_u32("split.no", number);
    writer.key_u32("split.count", 2);
    writer.key_u32("split.tensors.count", static_cast<uint32_t>(file.tensors().size()));
    for (size_t i = from; i < to; ++i) {
      const GgufTensor& t = file.tensors()[i];
      std::vector<uint64_t> dims = {t.cols};
      if (t.dims > 1) dims.push_back(t.rows);
      writer.tensor(t.name, t.type, dims);
      data.append(reinterpret_cast<const char*>(t.bytes.data()), t.bytes.size());
      data.resize((data.size() + 31) / 32 * 32);
    }
    return writer.header() + data;
  };
  const std::string first = folder_.path("m-00001-of-00002.gguf");
  const std::string second = folder_.path("m-00002-of-00002.gguf");
  write_file(first, part(0, 7, 0));
  EXPECT_EQ(import_gguf(first, out_, {}).status().code(), StatusCode::NotFound);
  write_file(second, part(7, file.tensors().size(), 1));
  ASSERT_TRUE(import_gguf(first, out_, {}).ok());
  expect_same_weights(in_, out_);
  // Any part stands for the model; a wrong neighbour is noticed.
  EXPECT_TRUE(import_gguf(second, out_, {}).ok());
  write_file(second, part(6, file.tensors().size(), 1));
  EXPECT_EQ(import_gguf(first, out_, {}).status().code(), StatusCode::Corrupt);
  write_file(second, part(7, file.tensors().size(), 0));
  EXPECT_EQ(import_gguf(first, out_, {}).status().code(), StatusCode::Corrupt);
}

TEST_F(Importer, UnknownArchitecturesAreNamedBesideTheKnown) {
  std::string bytes = test::random_gguf({.architecture = "qwen2"});
  for (size_t at = 0; (at = bytes.find("qwen2", at)) != std::string::npos;) {
    bytes.replace(at, 5, "qwen9");
  }
  const Status status = import_bytes(bytes);
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  EXPECT_NE(status.message().find("qwen9"), std::string_view::npos);
  EXPECT_NE(status.message().find("llama"), std::string_view::npos);
}

TEST_F(Importer, KeysThatWouldChangeTheMathematicsAreNamed) {
  const std::vector<std::pair<std::string, std::function<void(test::GgufWriter&)>>> keys = {
      {"llama.expert_count", [](test::GgufWriter& w) { w.key_u32("llama.expert_count", 8); }},
      {"llama.attention.sliding_window",
       [](test::GgufWriter& w) { w.key_u32("llama.attention.sliding_window", 512); }},
      {"llama.final_logit_softcapping",
       [](test::GgufWriter& w) { w.key_f32("llama.final_logit_softcapping", 30.0f); }},
      {"llama.rope.scaling.type",
       [](test::GgufWriter& w) { w.key_text("llama.rope.scaling.type", "yarn"); }},
      {"llama.rope.scaling.attn_factor",
       [](test::GgufWriter& w) { w.key_f32("llama.rope.scaling.attn_factor", 1.19f); }},
      {"llama.attention.causal",
       [](test::GgufWriter& w) { w.key_bool("llama.attention.causal", false); }},
  };
  for (const auto& [key, add] : keys) {
    RandomGgufSpec spec;
    spec.extra_keys = add;
    const Status status = refused(spec);
    EXPECT_EQ(status.code(), StatusCode::Unsupported) << key;
    EXPECT_NE(status.message().find(key), std::string_view::npos) << status.to_string();
  }
  RandomGgufSpec neutral;
  neutral.extra_keys = [](test::GgufWriter& w) {
    w.key_u32("llama.expert_count", 0);
    w.key_u32("llama.attention.sliding_window", 0);
    w.key_text("llama.rope.scaling.type", "none");
  };
  EXPECT_TRUE(import(neutral).ok());
}

TEST_F(Importer, LeftOverAndMissingTensorsAreNamed) {
  // qwen2's biases under the name of an architecture without them.
  std::string bytes = test::random_gguf({.architecture = "qwen2"});
  for (size_t at = 0; (at = bytes.find("qwen2", at)) != std::string::npos;) {
    bytes.replace(at, 5, "llama");
  }
  const Status extra = import_bytes(bytes);
  EXPECT_EQ(extra.code(), StatusCode::Unsupported);
  EXPECT_NE(extra.message().find(".bias"), std::string_view::npos) << extra.to_string();

  bytes = test::random_gguf({});
  bytes[bytes.find("blk.1.ffn_up.weight") + 12] = 'x';
  const Status missing = import_bytes(bytes);
  EXPECT_EQ(missing.code(), StatusCode::Corrupt);
  EXPECT_NE(missing.message().find("blk.1.ffn_up.weight"), std::string_view::npos);
}

TEST_F(Importer, ShapesThatDoNotMatchTheTensorsAreNamed) {
  std::string bytes = test::random_gguf({});
  const std::string_view key = "llama.feed_forward_length";
  bytes[bytes.find(key) + key.size() + 4] = 64;
  const Status status = import_bytes(bytes);
  EXPECT_EQ(status.code(), StatusCode::Corrupt);
  EXPECT_NE(status.message().find("ffn_"), std::string_view::npos) << status.to_string();
}

TEST_F(Importer, ContextIsADefaultWithinTheModelsOwn) {
  ASSERT_TRUE(import({.context = 512}, {.context = 100}).ok());
  EXPECT_EQ(manifest_of(*model::PteFile::open(out_)).defaults.context, 100u);
  const Status status = import({.context = 512}, {.context = 513});
  EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
}

TEST_F(Importer, AFullDiskLeavesNothing) {
  for (const size_t room : {size_t{0}, size_t{5000}, size_t{60000}, size_t{75000}}) {
    size_t written = 0;
    ImportOptions options;
    options.faults.before_write = [&](size_t bytes) -> int64_t {
      if (written >= room) return -ENOSPC;
      const size_t taken = std::min(bytes, room - written);
      written += taken;
      return static_cast<int64_t>(taken);
    };
    EXPECT_NE(refused({}, options).message(), "") << room;
  }
  ImportOptions unsynced;
  unsynced.faults.before_sync = []() -> int64_t { return -EIO; };
  EXPECT_NE(refused({}, unsynced).message(), "");
}

TEST_F(Importer, CancelStopsItAndProgressReachesTheEnd) {
  CancelToken cancel;
  ImportOptions options;
  options.cancel = &cancel;
  uint64_t done = 0, total = 0;
  options.progress = [&](uint64_t d, uint64_t t) {
    EXPECT_GE(d, done);
    done = d;
    total = t;
  };
  ASSERT_TRUE(import({}, options).ok());
  EXPECT_EQ(done, total);
  EXPECT_EQ(total, read_file(in_).size());
  ASSERT_TRUE(remove_file(out_).ok());
  cancel.cancel();
  done = 0;
  EXPECT_EQ(refused({}, options).code(), StatusCode::Cancelled);
}

TEST_F(Importer, AnOldOutputStaysIfTheImportFails) {
  write_file(out_, "precious");
  RandomGgufSpec spec;
  spec.extra_keys = [](test::GgufWriter& w) { w.key_u32("llama.expert_count", 8); };
  EXPECT_FALSE(import(spec).ok());
  EXPECT_EQ(read_file(out_), "precious");
}

TEST_F(Importer, NeverWritesOverItsSource) {
  write_file(in_, test::random_gguf({}));
  EXPECT_EQ(import_gguf(in_, in_, {}).status().code(), StatusCode::InvalidArgument);
  EXPECT_EQ(read_file(in_), test::random_gguf({}));
}

TEST_F(Importer, MissingEmptyAndForeignFilesAreErrors) {
  EXPECT_EQ(import_gguf(folder_.path("none.gguf"), out_, {}).status().code(), StatusCode::NotFound);
  EXPECT_FALSE(import_bytes("").ok());
  EXPECT_EQ(import_bytes("this is no model at all").code(), StatusCode::Corrupt);
}

// A flip in header, metadata or table: a typed error, or a file that verifies and passes the check
// that comes before the runtime.
TEST_F(Importer, FlipsGiveATypedErrorOrAValidFile) {
  const std::string whole = test::random_gguf({.vocab = 300});
  const size_t data_start = whole.size() - 60000;
  size_t imported = 0;
  for (size_t at = 0; at < data_start; at += 41) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 7)));
    const Status status = import_bytes(bad);
    if (!status.ok()) {
      EXPECT_NE(status.code(), StatusCode::Internal) << at << ": " << status.to_string();
      continue;
    }
    ++imported;
    const auto pte = model::PteFile::open(out_);
    ASSERT_TRUE(pte.ok()) << at;
    model::PrecheckLimits limits;
    limits.total_bytes = pte->bytes().size();
    EXPECT_TRUE(model::precheck_program(pte->program(), limits).ok()) << at;
    EXPECT_TRUE(verify_model(pte->bytes(), {})->damaged.empty()) << at;
  }
  EXPECT_GT(imported, 10u);
}

TEST_F(Importer, VerifyNamesWhateverIsDamaged) {
  ASSERT_TRUE(import({}).ok());
  const std::string good = read_file(out_);
  const auto pte = model::PteFile::open(out_);
  ASSERT_TRUE(pte.ok());
  const auto clean = verify_model(pte->bytes(), {});
  ASSERT_TRUE(clean.ok());
  EXPECT_TRUE(clean->damaged.empty());
  EXPECT_EQ(clean->tensors_checked, 21u);

  const auto damaged_by = [&](uint64_t at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    const auto report =
        verify_model({reinterpret_cast<const uint8_t*>(bad.data()), bad.size()}, {});
    return report.ok() ? report->damaged : std::vector<std::string>{"refused"};
  };
  const uint64_t base = pte->header().segment_base;
  for (const model::TensorEntry& entry : manifest_of(*pte).tensors) {
    const std::vector<std::string> expected = {"tensor " + entry.name};
    EXPECT_EQ(damaged_by(base + entry.offset), expected);
    EXPECT_EQ(damaged_by(base + entry.offset + entry.bytes / 2), expected);
    EXPECT_EQ(damaged_by(base + entry.offset + entry.bytes - 1), expected);
  }
  const auto offset_of = [&](std::string_view key) {
    return static_cast<uint64_t>(pte->named_data(key)->data() - pte->bytes().data());
  };
  EXPECT_EQ(damaged_by(offset_of(model::kTokenizerKey) + 100),
            std::vector<std::string>{"segment etb.tokenizer"});
  EXPECT_EQ(damaged_by(offset_of(model::kTemplateKey) + 5),
            std::vector<std::string>{"segment etb.chat_template"});
  EXPECT_EQ(damaged_by(offset_of(model::kManifestKey) + 50), std::vector<std::string>{"refused"});
  EXPECT_EQ(damaged_by(200), std::vector<std::string>{"refused"});  // the program part
}

}  // namespace
}  // namespace etb::import
