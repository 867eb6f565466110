// The manifest's text reads back to what was written, and hostile text is refused by name.
#include "model/manifest.h"

#include <gtest/gtest.h>

#include <functional>

namespace etb::model {
namespace {

Manifest sample() {
  Manifest m;
  m.family = "llama";
  m.name = "A model, with spaces";
  m.source_type = "Q4_1 Q8_0 F32";
  m.source_hash = 0x0123456789abcdefull;
  m.source_bytes = 98362432;
  m.shape.layers = 2;
  m.shape.width = 64;
  m.shape.ffn = 96;
  m.shape.heads = 4;
  m.shape.kv_heads = 2;
  m.shape.head_dim = 16;
  m.shape.n_rot = 16;
  m.shape.vocab = 300;
  m.shape.context_train = 2048;
  m.shape.eps = 9.9999997473787516e-06;
  m.shape.rope_base = 100000;
  m.shape.attention_scale = 0.25;
  m.shape.attention_softcap = 50;
  m.shape.windows = {512, 0};
  m.defaults = {.context = 512, .chunk = 128, .kv_type = KvType::F16};
  m.tokens = {.bos = 1, .eos = 2, .stop = {2, 0}, .add_bos = true};
  m.constant_bytes = 4096;
  m.tensors = {{"output_norm", "vector", 1, 64, 0, 256, 7},
               {"token_embd", "w8s", 300, 64, 256, 3000, 0xffffffffffffffffull}};
  return m;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// The lines without the closing one, so that an edit can be sealed again.
std::string lines_of(const Manifest& m) {
  const std::string text = serialize(m);
  return text.substr(0, text.rfind("end "));
}

StatusCode code_of(std::string_view text) {
  return parse_manifest(text).status().code();
}

TEST(Manifest, ReadsBackWhatWasWritten) {
  const Manifest m = sample();
  ASSERT_TRUE(validate(m).ok()) << validate(m).to_string();
  auto back = parse_manifest(serialize(m));
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(serialize(*back), serialize(m));
  EXPECT_EQ(back->name, m.name);
  EXPECT_EQ(back->shape.eps, m.shape.eps);
  EXPECT_EQ(back->shape.attention_softcap, 50);
  EXPECT_EQ(back->shape.windows, m.shape.windows);
  EXPECT_EQ(back->source_hash, m.source_hash);
  EXPECT_EQ(back->tokens.stop, m.tokens.stop);
  EXPECT_EQ(back->tensors[1].checksum, m.tensors[1].checksum);
  ASSERT_NE(back->find("token_embd"), nullptr);
  EXPECT_EQ(back->find("token_embd")->bytes, 3000u);
  EXPECT_EQ(back->find("output"), nullptr);
}

TEST(Manifest, ChecksumsHaveAFixedWidth) {
  Manifest m = sample();
  const size_t size = serialize(m).size();
  m.source_hash = 0;
  m.tensors[1].checksum = 1;
  EXPECT_EQ(serialize(m).size(), size);
}

TEST(Manifest, SpecialTokensMayBeAbsent) {
  Manifest m = sample();
  m.tokens = {};
  auto back = parse_manifest(serialize(m));
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_FALSE(back->tokens.bos.has_value());
  EXPECT_TRUE(back->tokens.stop.empty());
}

TEST(Manifest, EveryTruncationIsRefused) {
  const std::string text = serialize(sample());
  for (size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_NE(code_of(text.substr(0, size)), StatusCode::Ok) << size;
  }
}

TEST(Manifest, HostileTextIsNamedAndRefused) {
  const std::string text = lines_of(sample());
  EXPECT_EQ(code_of(replaced(text, "etb.manifest 2", "etb.manifest 1")), StatusCode::Unsupported);
  const std::pair<const char*, const char*> edits[] = {
      {"layers 2", "layers 0"},
      {"layers 2", "layers 99999999999999999999"},
      {"layers 2", "layers -1"},
      {"layers 2", "layers 2 "},
      {"layers 2", "layers"},
      {"layers 2\n", ""},
      {"layers 2\n", "layers 2\nlayers 2\n"},
      {"width 64", "width 65"},
      {"kv_heads 2", "kv_heads 3"},
      {"n_rot 16", "n_rot 18"},
      {"eps ", "eps nan"},
      {"rope_base 1e+05", "rope_base inf"},
      {"kv_type f16", "kv_type q8"},
      {"activation silu", "activation relu"},
      {"windows 512 0", "windows 512"},
      {"windows 512 0", "windows 512 -1"},
      {"windows 512 0", "windows"},
      {"windows 512 0\n", "windows 512 0\nwindows 512 0\n"},
      {"attention_softcap 50", "attention_softcap -1"},
      {"stop 2 0", "stop 2 300"},
      {"stop 2 0", "stop  2"},
      {"bos 1", "bos 4294967295"},
      {"add_bos 1", "add_bos yes"},
      {"chunk 128", "chunk 0"},
      {"0123456789abcdef", "123456789abcdef"},
      {"vector 1 64 0 256", "vector 1 64 0 260"},
      {"w8s 300 64 256 3000", "w8s 300 64 192 3000"},
      {"w8s 300 64 256 3000", "w8s 300 64 257 3000"},
      {"w8s 300 64 256 3000", "w8s 300 64 256 3841"},
      {"w8s 300 64 256 3000", "w8s 300 64 18446744073709551552 3000"},
      {"tensor token_embd", "tensor output_norm"},
      {"add_bos 1\n", "add_bos 1\nsurprise 1\n"},
  };
  for (const auto& [from, to] : edits) {
    EXPECT_EQ(code_of(seal_manifest(replaced(text, from, to))), StatusCode::Corrupt)
        << from << " -> " << to;
  }
}

TEST(Manifest, LimitsAreNamedWithTheValue) {
  struct Case {
    const char* says;
    std::function<void(Manifest&)> make;
  };
  const Case cases[] = {
      {"head_dim = 40 is outside what this version can run (a multiple of 16)",
       [](Manifest& m) { m.shape.head_dim = 40; }},
      {"head_dim = 1024 is outside what this version can run (from 16 to 512)",
       [](Manifest& m) { m.shape.head_dim = 1024; }},
      {"n_rot = 514 is outside what this version can run (from 2 to 512)",
       [](Manifest& m) { m.shape.n_rot = 514; }},
      {"n_rot = 18 is outside what this version can run (even, at most head_dim 16)",
       [](Manifest& m) { m.shape.n_rot = 18; }},
      {"softcap = 1e-06 is outside what this version can run (0, or at least 0.001)",
       [](Manifest& m) { m.shape.final_softcap = 1e-6; }},
      {"count of windows = 3 is outside what this version can run (one for each of 2 layers)",
       [](Manifest& m) {
         m.shape.windows = {512, 512, 0};
       }},
      {"windows = 67108865 is outside what this version can run (from 0 to 67108864)",
       [](Manifest& m) {
         m.shape.windows = {0, (1u << 26) + 1};
       }},
      {"stop id = 300 is outside what this version can run (below vocab 300)",
       [](Manifest& m) { m.tokens.stop = {300}; }},
      {"chunk = 4097 is outside what this version can run (from 1 to 4096)",
       [](Manifest& m) { m.defaults.chunk = 4097; }},
  };
  for (const Case& c : cases) {
    Manifest m = sample();
    c.make(m);
    const Status status = validate(m);
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument) << c.says;
    EXPECT_NE(status.message().find(c.says), std::string_view::npos) << status.to_string();
  }
}

TEST(Manifest, MessagesNameTheLine) {
  const auto bad =
      parse_manifest(seal_manifest(replaced(lines_of(sample()), "ffn 96", "ffn many")));
  EXPECT_NE(bad.status().message().find("'ffn'"), std::string_view::npos)
      << bad.status().to_string();
}

TEST(Manifest, RandomDamageNeverGetsThroughUnchecked) {
  const std::string text = lines_of(sample());
  uint32_t seed = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string bad = text;
    seed = seed * 1664525u + 1013904223u;
    bad[(seed >> 8) % bad.size()] = static_cast<char>(seed);
    auto parsed = parse_manifest(seal_manifest(bad));
    EXPECT_TRUE(!parsed.ok() || validate(*parsed).ok()) << bad;
  }
}

TEST(Manifest, AnyFlippedBitIsFound) {
  const std::string text = serialize(sample());
  EXPECT_NE(code_of(text + "more\n"), StatusCode::Ok);
  for (size_t at = 0; at < text.size(); ++at) {
    std::string bad = text;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    EXPECT_NE(code_of(bad), StatusCode::Ok) << at;
  }
}

TEST(Manifest, LayersHaveWindowsOfTheirOwn) {
  Manifest m = sample();
  EXPECT_EQ(m.shape.window(0), 512u);
  EXPECT_EQ(m.shape.window(1), 0u);
  m.shape.windows = {};
  EXPECT_EQ(m.shape.window(1), 0u);
}

TEST(Manifest, ContextsBeyondTheOriginalOneRotateLong) {
  ModelShape shape;
  EXPECT_FALSE(shape.rotates_long(1u << 20));
  shape.rope_original_context = 4096;
  EXPECT_FALSE(shape.rotates_long(4096));
  EXPECT_TRUE(shape.rotates_long(4160));
}

TEST(Manifest, CountsKvMemory) {
  const Manifest m = sample();
  EXPECT_EQ(padded_context(1), 64u);
  EXPECT_EQ(padded_context(64), 64u);
  EXPECT_EQ(kv_bytes_per_token(m.shape, KvType::F16), 2u * 2 * 16 * 2 * 2);
  EXPECT_EQ(kv_bytes(m.shape, KvType::F16, 65), 128u * 256);
}

}  // namespace
}  // namespace etb::model
