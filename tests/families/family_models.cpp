#include "families/family_models.h"

#include "base/text.h"

namespace etb::test {
namespace {

// Rows of whole K-quant blocks.
RandomGgufSpec base(const char* architecture, uint64_t seed) {
  RandomGgufSpec spec;
  spec.architecture = architecture;
  spec.width = 256;
  spec.ffn = 512;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.head_dim = 64;
  spec.eps = 1e-6f;
  spec.chat_template = "";
  spec.seed = seed;
  return spec;
}

FamilyCase llama() {
  FamilyCase c{"llama", base("llama", 11), 256};
  c.spec.rope_base = 500000.0f;
  c.spec.rope_factors = {"rope_freqs"};
  return c;
}

FamilyCase mistral() {
  FamilyCase c{"mistral", base("llama", 12), 256};
  c.spec.own_head = true;
  c.spec.rope_base = 1000000.0f;
  return c;
}

FamilyCase qwen2() {
  FamilyCase c{"qwen2", base("qwen2", 13), 256};
  c.spec.rope_base = 1000000.0f;
  return c;
}

// Heads wider than width / heads.
FamilyCase qwen3() {
  FamilyCase c{"qwen3", base("qwen3", 14), 256};
  c.spec.head_dim = 128;
  c.spec.rope_base = 1000000.0f;
  return c;
}

// Windows in turn, small enough for the text to leave them.
FamilyCase gemma2() {
  FamilyCase c{"gemma2", base("gemma2", 15), 256};
  c.spec.layers = 3;
  c.spec.tokenizer = RandomVocab::SentencePiece;
  c.spec.extra_keys = [](GgufWriter& writer) {
    writer.key_u32("gemma2.attention.sliding_window", 40);
    writer.key_f32("gemma2.attn_logit_softcapping", 5.0f);
    writer.key_f32("gemma2.final_logit_softcapping", 3.0f);
  };
  return c;
}

// Seven layers: the sixth sees everything.
FamilyCase gemma3() {
  FamilyCase c{"gemma3", base("gemma3", 16), 256};
  c.spec.layers = 7;
  c.spec.kv_heads = 1;
  c.spec.rope_base = 1000000.0f;
  c.spec.tokenizer = RandomVocab::SentencePiece;
  c.spec.extra_keys = [](GgufWriter& writer) {
    writer.key_u32("gemma3.attention.sliding_window", 24);
    writer.key_text("gemma3.rope.scaling.type", "linear");
    writer.key_f32("gemma3.rope.scaling.factor", 8.0f);
  };
  return c;
}

}  // namespace

std::vector<FamilyCase> family_cases(layout::GgmlType weights) {
  std::vector<FamilyCase> cases = {llama(), mistral(), qwen2(), qwen3(), gemma2(), gemma3()};
  for (FamilyCase& c : cases) {
    c.spec.matrices = weights;
    c.spec.embedding = weights;
  }
  return cases;
}

std::string case_name(const FamilyCase& family, layout::GgmlType weights) {
  return concat(family.name, "-", layout::block_info(weights).name);
}

}  // namespace etb::test
