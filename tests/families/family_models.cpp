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

// Fused tensors and a window on every layer.
FamilyCase phi3() {
  FamilyCase c{"phi3", base("phi3", 17), 256};
  c.spec.extra_keys = [](GgufWriter& writer) {
    writer.key_u32("phi3.attention.sliding_window", 50);
  };
  return c;
}

// Part of a head is rotated, by one of two sets of factors: the context decides.
FamilyCase phi4_mini(const char* name, uint32_t context) {
  FamilyCase c{name, base("phi3", 18), context};
  c.spec.n_rot = 48;
  c.spec.rope_factors = {"rope_factors_long", "rope_factors_short"};
  c.spec.extra_keys = [](GgufWriter& writer) {
    writer.key_u32("phi3.rope.scaling.original_context_length", 256);
    writer.key_f32("phi3.rope.scaling.attn_factor", 1.19f);
  };
  return c;
}

}  // namespace

std::vector<FamilyCase> family_cases(layout::GgmlType weights) {
  std::vector<FamilyCase> cases = {llama(),
                                   mistral(),
                                   qwen2(),
                                   qwen3(),
                                   gemma2(),
                                   gemma3(),
                                   phi3(),
                                   phi4_mini("phi4-mini-short", 256),
                                   phi4_mini("phi4-mini-long", 320)};
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
