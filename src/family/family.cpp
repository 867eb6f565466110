// The families' rows. A new family is a new row here (and, if its graph differs, operators for it).
#include "family/family.h"

#include <array>

namespace etb::family {
namespace {

using enum Dim;
using enum TensorKind;

constexpr std::array<TensorRule, 3> kLlamaModel = {{
    {.name = "token_embd", .source = "token_embd", .rows = Vocab},
    {.name = "output_norm", .source = "output_norm", .kind = Vector},
    {.name = "output", .source = "output", .rows = Vocab, .optional = true},
}};

constexpr std::array<TensorRule, 9> kLlamaLayer = {{
    {.name = "attn_norm", .source = "attn_norm", .kind = Vector},
    {.name = "attn_q", .source = "attn_q", .rows = QWidth, .rotated = true},
    {.name = "attn_k", .source = "attn_k", .rows = KvWidth, .rotated = true},
    {.name = "attn_v", .source = "attn_v", .rows = KvWidth},
    {.name = "attn_output", .source = "attn_output", .rows = Width, .cols = QWidth},
    {.name = "ffn_norm", .source = "ffn_norm", .kind = Vector},
    {.name = "ffn_gate", .source = "ffn_gate", .rows = Ffn},
    {.name = "ffn_up", .source = "ffn_up", .rows = Ffn},
    {.name = "ffn_down", .source = "ffn_down", .rows = Width, .cols = Ffn},
}};

constexpr std::array<std::string_view, 20> kLlamaKeys = {{
    "vocab_size",
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "attention.layer_norm_epsilon",
    "attention.scale",
    "attention.causal",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    "tensor_data_layout",
}};

// Llama 2/3 and the fine-tunes of its graph (SmolLM2 and others speak ChatML).
constexpr std::array<std::string_view, 7> kLlamaStops = {{
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|im_end|>",
    "<|endoftext|>",
    "</s>",
    "<|end|>",
}};

constexpr std::array<FamilyRow, 1> kFamilies = {{
    {.architecture = "llama",
     .rope = RopePairs::Interleaved,
     .activation = ActivationKind::Silu,
     .scale_embedding = false,
     .model_tensors = kLlamaModel,
     .layer_tensors = kLlamaLayer,
     .known_keys = kLlamaKeys,
     .stop_texts = kLlamaStops},
}};

}  // namespace

const FamilyRow* find_family(std::string_view architecture) {
  for (const FamilyRow& row : kFamilies) {
    if (row.architecture == architecture) return &row;
  }
  return nullptr;
}

std::string known_architectures() {
  std::string names;
  for (const FamilyRow& row : kFamilies) {
    if (!names.empty()) names += ", ";
    names += row.architecture;
  }
  return names;
}

}  // namespace etb::family
