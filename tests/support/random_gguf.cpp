// Tensor lists of the families, random blocks of every type, and the whole file.
#include "support/random_gguf.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <span>

#include "base/text.h"
#include "layout/half.h"
#include "support/random_vocab.h"

namespace etb::test {
namespace {

using layout::GgmlType;

enum class Size { Width, Ffn, TwiceFfn, Q, Kv, Qkv, HeadDim };
struct LayerTensor {
  const char* name;
  Size cols;
  Size rows;  // of a matrix
  bool vector = false;
  const char* suffix = ".weight";
};

constexpr LayerTensor kLlama[] = {
    {"attn_norm", Size::Width, {}, true},  {"attn_q", Size::Width, Size::Q},
    {"attn_k", Size::Width, Size::Kv},     {"attn_v", Size::Width, Size::Kv},
    {"attn_output", Size::Q, Size::Width}, {"ffn_norm", Size::Width, {}, true},
    {"ffn_gate", Size::Width, Size::Ffn},  {"ffn_up", Size::Width, Size::Ffn},
    {"ffn_down", Size::Ffn, Size::Width},
};
constexpr LayerTensor kQwen2Extra[] = {
    {"attn_q", Size::Q, {}, true, ".bias"},
    {"attn_k", Size::Kv, {}, true, ".bias"},
    {"attn_v", Size::Kv, {}, true, ".bias"},
};
constexpr LayerTensor kQwen3Extra[] = {
    {"attn_q_norm", Size::HeadDim, {}, true},
    {"attn_k_norm", Size::HeadDim, {}, true},
};
constexpr LayerTensor kGemma2Extra[] = {
    {"post_attention_norm", Size::Width, {}, true},
    {"post_ffw_norm", Size::Width, {}, true},
};
constexpr LayerTensor kGemma3Extra[] = {
    {"attn_q_norm", Size::HeadDim, {}, true},
    {"attn_k_norm", Size::HeadDim, {}, true},
    {"post_attention_norm", Size::Width, {}, true},
    {"post_ffw_norm", Size::Width, {}, true},
};
constexpr LayerTensor kPhi3[] = {
    {"attn_norm", Size::Width, {}, true},    {"attn_qkv", Size::Width, Size::Qkv},
    {"attn_output", Size::Q, Size::Width},   {"ffn_norm", Size::Width, {}, true},
    {"ffn_up", Size::Width, Size::TwiceFfn}, {"ffn_down", Size::Ffn, Size::Width},
};

struct FamilyTensors {
  std::string_view architecture;
  std::span<const LayerTensor> layer;
  std::span<const LayerTensor> extra;
};
constexpr FamilyTensors kFamilies[] = {
    {"llama", kLlama, {}},
    {"qwen2", kLlama, kQwen2Extra},
    {"qwen3", kLlama, kQwen3Extra},
    {"gemma2", kLlama, kGemma2Extra},
    {"gemma3", kLlama, kGemma3Extra},
    {"phi3", kPhi3, {}},
};

// SplitMix64: fast, and the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // In [-1, 1), exact in float.
  float real() { return static_cast<float>(static_cast<int64_t>(next()) >> 39) * 0x1p-24f; }
  void fill(char* out, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 8) {
      const uint64_t word = next();
      std::memcpy(out + at, &word, std::min<size_t>(8, bytes - at));
    }
  }

 private:
  uint64_t state_;
};

// How a block's scale follows from the wanted deviation of its weights: deviation of the integer
// values, where the f16 scale stands, and the factor and place of the minimum.
struct BlockRecipe {
  GgmlType type;
  float deviation;
  size_t scale_at;
  float min_factor = 0;  // 0: the type has no minimum
  size_t min_at = 0;
};
constexpr BlockRecipe kRecipes[] = {
    {GgmlType::Q4_0, 4.6f, 0},
    {GgmlType::Q4_1, 4.6f, 0, -7.5f, 2},
    {GgmlType::Q5_0, 9.2f, 0},
    {GgmlType::Q5_1, 9.2f, 0, -15.5f, 2},
    {GgmlType::Q8_0, 74.0f, 0},
    {GgmlType::Q4_K, 350.0f, 0, 7.5f, 2},
    {GgmlType::Q5_K, 700.0f, 0, 15.5f, 2},
    {GgmlType::Q6_K, 1370.0f, 208},
};

void put_half(char* at, float value) {
  const uint16_t bits = layout::float_to_half(value);
  std::memcpy(at, &bits, sizeof(bits));
}

void random_float(GgmlType type, float value, char* out) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  if (type == GgmlType::F32) std::memcpy(out, &bits, 4);
  if (type == GgmlType::F16) put_half(out, value);
  if (type == GgmlType::BF16) std::memcpy(out, reinterpret_cast<const char*>(&bits) + 2, 2);
}

void random_row(GgmlType type, size_t cols, Random& random, char* out) {
  const layout::BlockInfo& info = layout::block_info(type);
  const float wanted = 1.0f / std::sqrt(static_cast<float>(cols));
  const auto* recipe = std::ranges::find(kRecipes, type, &BlockRecipe::type);
  if (recipe == std::ranges::end(kRecipes)) {
    for (size_t i = 0; i < cols; ++i) {
      random_float(type, random.real() * wanted * 1.7f, out + i * info.bytes);
    }
    return;
  }
  for (size_t block = 0; block < cols / info.elements; ++block, out += info.bytes) {
    random.fill(out, info.bytes);
    const float d = wanted / recipe->deviation * (1.0f + 0.25f * random.real());
    put_half(out + recipe->scale_at, d);
    if (recipe->min_factor != 0) put_half(out + recipe->min_at, d * recipe->min_factor);
  }
}

class Generator {
 public:
  Generator(const RandomGgufSpec& spec, const FamilyTensors& family)
      : spec_(spec), family_(family) {}

  Status write(const std::function<Status(std::string_view)>& sink) {
    ETB_RETURN_IF_ERROR(add_keys());
    if (spec_.extra_keys) spec_.extra_keys(writer_);
    list_tensors();
    for (const Tensor& t : tensors_) {
      if (layout::row_bytes(t.type, t.cols) == 0) {
        return Status(StatusCode::InvalidArgument,
                      concat("rows of ", t.cols, " in ", t.name, " are not whole blocks of ",
                             layout::block_info(t.type).name));
      }
      std::vector<uint64_t> dims = {t.cols};
      if (!t.vector) dims.push_back(t.rows);
      writer_.tensor(t.name, t.type, dims);
    }
    ETB_RETURN_IF_ERROR(sink(writer_.header()));
    Random random(spec_.seed);
    for (const Tensor& t : tensors_) ETB_RETURN_IF_ERROR(write_tensor(t, random, sink));
    return {};
  }

 private:
  struct Tensor {
    std::string name;
    GgmlType type;
    uint64_t cols;
    uint64_t rows;
    bool vector;
    bool factors = false;
  };

  Status add_keys() {
    const std::string a = spec_.architecture + ".";
    writer_.key_text("general.architecture", spec_.architecture);
    writer_.key_text("general.name", spec_.name);
    writer_.key_u32(a + "block_count", spec_.layers);
    writer_.key_u32(a + "context_length", spec_.context);
    writer_.key_u32(a + "embedding_length", spec_.width);
    writer_.key_u32(a + "feed_forward_length", spec_.ffn);
    writer_.key_u32(a + "attention.head_count", spec_.heads);
    writer_.key_u32(a + "attention.head_count_kv", spec_.kv_heads);
    writer_.key_u32(a + "attention.key_length", spec_.head_dim);
    writer_.key_u32(a + "attention.value_length", spec_.head_dim);
    writer_.key_f32(a + "attention.layer_norm_rms_epsilon", spec_.eps);
    writer_.key_f32(a + "rope.freq_base", spec_.rope_base);
    if (spec_.n_rot != 0) writer_.key_u32(a + "rope.dimension_count", spec_.n_rot);
    writer_.key_u32(a + "vocab_size", spec_.vocab);
    ETB_RETURN_IF_ERROR(add_random_vocab(spec_, writer_));
    if (spec_.chat_template == "default") {
      writer_.key_text(
          "tokenizer.chat_template",
          "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
          "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
          "{% endif %}");
    } else if (!spec_.chat_template.empty()) {
      writer_.key_text("tokenizer.chat_template", spec_.chat_template);
    }
    return {};
  }

  uint64_t size(Size which) const {
    const uint64_t q = uint64_t{spec_.heads} * spec_.head_dim;
    const uint64_t kv = uint64_t{spec_.kv_heads} * spec_.head_dim;
    switch (which) {
      case Size::Width:
        return spec_.width;
      case Size::Ffn:
        return spec_.ffn;
      case Size::TwiceFfn:
        return 2 * uint64_t{spec_.ffn};
      case Size::Q:
        return q;
      case Size::Kv:
        return kv;
      case Size::Qkv:
        return q + 2 * kv;
      case Size::HeadDim:
        return spec_.head_dim;
    }
    return 0;
  }

  GgmlType type_of(const std::string& name, std::string_view short_name, GgmlType otherwise) const {
    if (const auto at = spec_.types.find(name); at != spec_.types.end()) return at->second;
    const auto at = spec_.types.find(std::string(short_name));
    return at != spec_.types.end() ? at->second : otherwise;
  }

  void list_tensors() {
    add_matrix("token_embd", spec_.width, spec_.vocab, spec_.embedding);
    const uint64_t pairs = (spec_.n_rot != 0 ? spec_.n_rot : spec_.head_dim) / 2;
    for (const char* name : spec_.rope_factors) {
      tensors_.push_back({std::string(name) + ".weight", GgmlType::F32, pairs, 1, true, true});
    }
    for (uint32_t layer = 0; layer < spec_.layers; ++layer) {
      for (const LayerTensor& t : family_.layer) add_layer_tensor(layer, t);
      for (const LayerTensor& t : family_.extra) add_layer_tensor(layer, t);
    }
    tensors_.push_back({"output_norm.weight", GgmlType::F32, spec_.width, 1, true});
    if (spec_.own_head) add_matrix("output", spec_.width, spec_.vocab, spec_.embedding);
  }

  void add_matrix(const std::string& name, uint64_t cols, uint64_t rows, GgmlType type) {
    tensors_.push_back({name + ".weight", type_of(name, name, type), cols, rows, false});
  }

  void add_layer_tensor(uint32_t layer, const LayerTensor& t) {
    const std::string name = concat("blk.", layer, ".", t.name);
    const GgmlType type = t.vector ? GgmlType::F32 : type_of(name, t.name, spec_.matrices);
    tensors_.push_back(
        {name + t.suffix, type, size(t.cols), t.vector ? 1 : size(t.rows), t.vector});
  }

  // Norm weights lie around 1, biases around 0; factors between 1 and 8.
  static float vector_value(const Tensor& t, Random& random) {
    if (t.name.ends_with(".bias")) return 0.5f * random.real();
    return t.factors ? 4.5f + 3.5f * random.real() : 1.0f + 0.25f * random.real();
  }

  static Status write_tensor(const Tensor& t, Random& random,
                             const std::function<Status(std::string_view)>& sink) {
    const size_t stride = layout::row_bytes(t.type, t.cols);
    const uint64_t at_once = std::max<uint64_t>(1, (1 << 20) / stride);
    std::string piece;
    for (uint64_t row = 0; row < t.rows; row += at_once) {
      const uint64_t count = std::min(at_once, t.rows - row);
      piece.resize(count * stride);
      for (uint64_t i = 0; i < count && !t.vector; ++i) {
        random_row(t.type, t.cols, random, piece.data() + i * stride);
      }
      for (uint64_t i = 0; i < t.cols && t.vector; ++i) {
        random_float(t.type, vector_value(t, random), piece.data() + i * 4);
      }
      ETB_RETURN_IF_ERROR(sink(piece));
    }
    const uint64_t bytes = t.rows * stride;
    return sink(std::string((32 - bytes % 32) % 32, '\0'));
  }

  const RandomGgufSpec& spec_;
  const FamilyTensors& family_;
  GgufWriter writer_;
  std::vector<Tensor> tensors_;
};

}  // namespace

Status write_random_gguf(const RandomGgufSpec& spec,
                         const std::function<Status(std::string_view)>& sink) {
  const auto* family =
      std::ranges::find(kFamilies, spec.architecture, &FamilyTensors::architecture);
  if (family == std::ranges::end(kFamilies)) {
    return Status(StatusCode::InvalidArgument,
                  concat("no tensor list for the architecture '", spec.architecture, "'"));
  }
  return Generator(spec, *family).write(sink);
}

std::string random_gguf(const RandomGgufSpec& spec) {
  std::string bytes;
  const Status status = write_random_gguf(spec, [&bytes](std::string_view piece) {
    bytes += piece;
    return Status();
  });
  if (!status.ok()) std::abort();
  return bytes;
}

}  // namespace etb::test
