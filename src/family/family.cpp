// The families' rows. A new family is a new row here (and, if its graph differs, operators for it).
#include "family/family.h"

#include <array>

namespace etb::family {
namespace {

using enum Dim;
using enum TensorKind;

constexpr std::array<TensorRule, 3> kModel = {{
    {.name = "token_embd", .source = "token_embd", .rows = Vocab},
    {.name = "output_norm", .source = "output_norm", .kind = Vector},
    {.name = "output", .source = "output", .rows = Vocab, .optional = true},
}};

constexpr TensorRule kAttnNorm{.name = "attn_norm", .source = "attn_norm", .kind = Vector};
constexpr TensorRule kQ{.name = "attn_q", .source = "attn_q", .rows = QWidth, .rotated = true};
constexpr TensorRule kK{.name = "attn_k", .source = "attn_k", .rows = KvWidth, .rotated = true};
constexpr TensorRule kV{.name = "attn_v", .source = "attn_v", .rows = KvWidth};
constexpr TensorRule kAttnOutput{
    .name = "attn_output", .source = "attn_output", .rows = Width, .cols = QWidth};
constexpr TensorRule kFfnNorm{.name = "ffn_norm", .source = "ffn_norm", .kind = Vector};
constexpr TensorRule kGate{.name = "ffn_gate", .source = "ffn_gate", .rows = Ffn};
constexpr TensorRule kUp{.name = "ffn_up", .source = "ffn_up", .rows = Ffn};
constexpr TensorRule kDown{.name = "ffn_down", .source = "ffn_down", .rows = Width, .cols = Ffn};

// Norms of every head of q and k, after the projection and before the rotation.
constexpr TensorRule kQNorm{
    .name = "attn_q_norm", .source = "attn_q_norm", .kind = Vector, .cols = HeadDim};
constexpr TensorRule kKNorm{
    .name = "attn_k_norm", .source = "attn_k_norm", .kind = Vector, .cols = HeadDim};
// Norms of what attention and MLP add to the residual stream.
constexpr TensorRule kPostAttention{
    .name = "attn_post_norm", .source = "post_attention_norm", .kind = Vector};
constexpr TensorRule kPostFfn{.name = "ffn_post_norm", .source = "post_ffw_norm", .kind = Vector};

constexpr TensorRule bias(std::string_view name, std::string_view source, Dim cols) {
  return {.name = name, .source = source, .suffix = ".bias", .kind = Vector, .cols = cols};
}

constexpr std::array kLlamaLayer = {kAttnNorm, kQ,    kK,  kV,   kAttnOutput,
                                    kFfnNorm,  kGate, kUp, kDown};
constexpr std::array kQwen2Layer = {kAttnNorm,
                                    kQ,
                                    kK,
                                    kV,
                                    bias("attn_q_bias", "attn_q", QWidth),
                                    bias("attn_k_bias", "attn_k", KvWidth),
                                    bias("attn_v_bias", "attn_v", KvWidth),
                                    kAttnOutput,
                                    kFfnNorm,
                                    kGate,
                                    kUp,
                                    kDown};
constexpr std::array kQwen3Layer = {kAttnNorm,   kQ,       kK,    kV,  kQNorm, kKNorm,
                                    kAttnOutput, kFfnNorm, kGate, kUp, kDown};

constexpr std::array kGemma2Layer = {kAttnNorm, kQ,    kK,  kV,    kAttnOutput, kPostAttention,
                                     kFfnNorm,  kGate, kUp, kDown, kPostFfn};
constexpr std::array kGemma3Layer = {
    kAttnNorm,      kQ,       kK,    kV,  kQNorm, kKNorm,  kAttnOutput,
    kPostAttention, kFfnNorm, kGate, kUp, kDown,  kPostFfn};

constexpr std::array kGemma2Keys = std::to_array<std::string_view>({
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attn_logit_softcapping",
    "final_logit_softcapping",
});
constexpr std::array kGemma3Keys = std::to_array<std::string_view>({
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "rope.freq_base_swa",
    "attn_logit_softcapping",
    "final_logit_softcapping",
});

// One source tensor holds q, k and v, another gate and up.
constexpr Dim kBehindQ[] = {QWidth};
constexpr Dim kBehindQAndK[] = {QWidth, KvWidth};
constexpr Dim kBehindGate[] = {Ffn};
constexpr std::array kPhi3Layer = std::to_array<TensorRule>({
    kAttnNorm,
    {.name = "attn_q", .source = "attn_qkv", .rows = QWidth, .rotated = true},
    {.name = "attn_k", .source = "attn_qkv", .rows = KvWidth, .skip = kBehindQ, .rotated = true},
    {.name = "attn_v", .source = "attn_qkv", .rows = KvWidth, .skip = kBehindQAndK},
    kAttnOutput,
    kFfnNorm,
    {.name = "ffn_gate", .source = "ffn_up", .rows = Ffn},
    {.name = "ffn_up", .source = "ffn_up", .rows = Ffn, .skip = kBehindGate},
    kDown,
});
constexpr std::array kPhi3Keys = std::to_array<std::string_view>({
    "attention.sliding_window",
    "rope.scaling.attn_factor",
});

constexpr std::array kCommonKeys = std::to_array<std::string_view>({
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
});

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

// Qwen 2, 2.5 and 3 speak ChatML.
constexpr std::array<std::string_view, 2> kChatMlStops = {{"<|im_end|>", "<|endoftext|>"}};

constexpr std::array<std::string_view, 2> kGemmaStops = {{"<end_of_turn>", "<eos>"}};

constexpr std::array<std::string_view, 3> kPhiStops = {{"<|end|>", "<|im_end|>", "<|endoftext|>"}};

constexpr FamilyRow kFamilies[] = {
    // Llama 2 to 3.2, Mistral, SmolLM2, Phi-4 as some convert it, and many others of this graph.
    {.architecture = "llama",
     .rope = RopePairs::Interleaved,
     .rope_factors = RopeFactors::One,
     .model_tensors = kModel,
     .layer_tensors = kLlamaLayer,
     .stop_texts = kLlamaStops},
    {.architecture = "qwen2",
     .model_tensors = kModel,
     .layer_tensors = kQwen2Layer,
     .stop_texts = kChatMlStops},
    {.architecture = "qwen3",
     .model_tensors = kModel,
     .layer_tensors = kQwen3Layer,
     .stop_texts = kChatMlStops},
    // Norm weights in the files hold the 1 that the architecture adds to them.
    {.architecture = "gemma2",
     .activation = ActivationKind::GeluTanh,
     .scale_embedding = true,
     .window_pattern = 2,
     .window = 4096,
     .attention_softcap = 50.0,
     .final_softcap = 30.0,
     .width_scaled_layers = 46,  // the 27B model
     .model_tensors = kModel,
     .layer_tensors = kGemma2Layer,
     .own_keys = kGemma2Keys,
     .stop_texts = kGemmaStops},
    {.architecture = "gemma3",
     .activation = ActivationKind::GeluTanh,
     .scale_embedding = true,
     .window_pattern = 6,
     .window_rope_base = 10000.0,
     .width_scaled_layers = 62,  // the 27B model
     .model_tensors = kModel,
     .layer_tensors = kGemma3Layer,
     .own_keys = kGemma3Keys,
     .stop_texts = kGemmaStops},
    // Phi-3, Phi-3.5, Phi-4 and Phi-4-mini. A window, where a file has one, is every layer's.
    {.architecture = "phi3",
     .rope_factors = RopeFactors::ShortAndLong,
     .model_tensors = kModel,
     .layer_tensors = kPhi3Layer,
     .own_keys = kPhi3Keys,
     .stop_texts = kPhiStops},
};

}  // namespace

std::span<const FamilyRow> families() {
  return kFamilies;
}

std::span<const std::string_view> common_keys() {
  return kCommonKeys;
}

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
