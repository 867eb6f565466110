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

}  // namespace

std::vector<FamilyCase> family_cases(layout::GgmlType weights) {
  std::vector<FamilyCase> cases = {llama(), mistral(), qwen2(), qwen3()};
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
