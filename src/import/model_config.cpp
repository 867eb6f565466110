// Keys of GGUF metadata, read strictly: a missing, mistyped or unknown key that matters is an
// error.
#include "import/model_config.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace etb::import {
namespace {

using family::FamilyRow;
using model::ModelShape;

// Reads "ARCH.key" for one architecture; messages name the whole key.
class ArchKeys {
 public:
  ArchKeys(const GgufFile& file, std::string_view architecture)
      : file_(file), prefix_(concat(architecture, ".")) {}

  std::string full(std::string_view key) const { return concat(prefix_, key); }

  Status bad(StatusCode code, std::string_view key, std::string_view what) const {
    return Status(code, concat(file_.name(), ": metadata '", prefix_, key, "' ", what));
  }

  // `fallback` 0: the key must be there.
  Result<uint32_t> count(std::string_view key, uint64_t fallback = 0) const {
    const GgufValue* value = file_.find(full(key));
    if (value != nullptr && value->type == GgufType::Array) {
      return bad(StatusCode::Unsupported, key,
                 "differs from layer to layer, which this version cannot run");
    }
    ETB_ASSIGN_OR_RETURN(const auto number, file_.get_uint(full(key)));
    const uint64_t result = number ? *number : fallback;
    if (result == 0) return bad(StatusCode::Corrupt, key, "is missing or 0");
    if (result > UINT32_MAX) return bad(StatusCode::Corrupt, key, "is too large");
    return static_cast<uint32_t>(result);
  }

  Result<double> real(std::string_view key, std::optional<double> fallback) const {
    ETB_ASSIGN_OR_RETURN(const auto number, file_.get_real(full(key)));
    if (!number && !fallback) return bad(StatusCode::Corrupt, key, "is missing");
    return number ? *number : *fallback;
  }

  Result<std::string_view> text(std::string_view key) const {
    ETB_ASSIGN_OR_RETURN(const auto found, file_.get_string(full(key)));
    return found.value_or("");
  }

 private:
  const GgufFile& file_;
  std::string prefix_;
};

Result<std::string_view> architecture_of(const GgufFile& file) {
  ETB_ASSIGN_OR_RETURN(const auto name, file.get_string("general.architecture"));
  if (!name) {
    return Status(StatusCode::Corrupt,
                  concat(file.name(), ": metadata 'general.architecture' is missing"));
  }
  return *name;
}

// 0, false, "" and an empty list say what their absence says.
bool is_neutral(const GgufValue& value) {
  if (value.type == GgufType::Array) return value.count == 0;
  return std::ranges::all_of(value.payload, [](uint8_t byte) { return byte == 0; });
}

// Scaling kinds other than linear would need other frequencies.
Result<double> linear_factor(const ArchKeys& keys) {
  ETB_ASSIGN_OR_RETURN(const auto type, keys.text("rope.scaling.type"));
  ETB_ASSIGN_OR_RETURN(const double factor, keys.real("rope.scaling.factor", 1.0));
  if (type == "none" || (type.empty() && factor == 1.0)) return 1.0;
  if (!type.empty() && type != "linear") {
    return keys.bad(StatusCode::Unsupported, "rope.scaling.type",
                    concat("is '", type, "', which this version cannot run (none and linear are)"));
  }
  if (!(factor > 0)) return keys.bad(StatusCode::Corrupt, "rope.scaling.factor", "is not positive");
  return factor;
}

Status read_counts(const ArchKeys& keys, ModelShape& s) {
  ETB_ASSIGN_OR_RETURN(s.layers, keys.count("block_count"));
  ETB_ASSIGN_OR_RETURN(s.width, keys.count("embedding_length"));
  ETB_ASSIGN_OR_RETURN(s.ffn, keys.count("feed_forward_length"));
  ETB_ASSIGN_OR_RETURN(s.context_train, keys.count("context_length"));
  ETB_ASSIGN_OR_RETURN(s.heads, keys.count("attention.head_count"));
  ETB_ASSIGN_OR_RETURN(s.kv_heads, keys.count("attention.head_count_kv", s.heads));
  const uint64_t split = s.width % s.heads == 0 ? s.width / s.heads : 0;
  ETB_ASSIGN_OR_RETURN(s.head_dim, keys.count("attention.key_length", split));
  ETB_ASSIGN_OR_RETURN(const uint32_t value_length,
                       keys.count("attention.value_length", s.head_dim));
  if (value_length != s.head_dim) {
    return keys.bad(StatusCode::Unsupported, "attention.value_length",
                    "differs from attention.key_length, which this version cannot run");
  }
  ETB_ASSIGN_OR_RETURN(s.n_rot, keys.count("rope.dimension_count", s.head_dim));
  return {};
}

Status check_causal(const GgufFile& file, const ArchKeys& keys) {
  ETB_ASSIGN_OR_RETURN(const auto causal, file.get_bool(keys.full("attention.causal")));
  if (causal.value_or(true)) return {};
  return keys.bad(StatusCode::Unsupported, "attention.causal",
                  "is false: this is no model that writes text");
}

}  // namespace

Result<const FamilyRow*> family_of(const GgufModel& gguf) {
  const GgufFile& file = gguf.metadata();
  ETB_ASSIGN_OR_RETURN(const auto architecture, architecture_of(file));
  const FamilyRow* row = family::find_family(architecture);
  if (row != nullptr) return row;
  const bool plain = architecture.size() <= 64 && std::ranges::all_of(architecture, [](char c) {
                       return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
                     });
  return Status(StatusCode::Unsupported,
                concat(file.name(), ": the architecture '", plain ? architecture : "?",
                       "' is not known (known: ", family::known_architectures(), ")"));
}

Status check_keys(const GgufModel& gguf, const FamilyRow& row) {
  const GgufFile& file = gguf.metadata();
  const std::string prefix = concat(row.architecture, ".");
  for (const GgufValue& value : file.values()) {
    if (!value.key.starts_with(prefix) || is_neutral(value)) continue;
    const std::string_view key = value.key.substr(prefix.size());
    if (std::ranges::find(row.known_keys, key) != row.known_keys.end()) continue;
    return Status(StatusCode::Unsupported,
                  concat(file.name(), ": metadata '", value.key,
                         "' asks for something this version does not do; use a newer version or "
                         "a model without it"));
  }
  return {};
}

Result<ModelShape> read_shape(const GgufModel& gguf, const FamilyRow& row) {
  const GgufFile& file = gguf.metadata();
  const ArchKeys keys(file, row.architecture);
  ModelShape s;
  ETB_RETURN_IF_ERROR(read_counts(keys, s));
  ETB_RETURN_IF_ERROR(check_causal(file, keys));
  ETB_ASSIGN_OR_RETURN(s.eps, keys.real("attention.layer_norm_rms_epsilon", {}));
  ETB_ASSIGN_OR_RETURN(s.rope_base, keys.real("rope.freq_base", 10000.0));
  ETB_ASSIGN_OR_RETURN(const double scale, keys.real("attention.scale", 0.0));
  s.attention_scale = scale != 0 ? scale : 1.0 / std::sqrt(static_cast<double>(s.head_dim));
  s.embed_scale = row.scale_embedding ? std::sqrt(static_cast<double>(s.width)) : 1.0;
  s.activation = row.activation == family::ActivationKind::Silu ? model::Activation::Silu
                                                                : model::Activation::GeluTanh;
  const GgufTensor* table = gguf.find_tensor("token_embd.weight");
  if (table == nullptr) {
    return Status(StatusCode::Corrupt,
                  concat(file.name(), ": tensor 'token_embd.weight' is missing"));
  }
  s.vocab = static_cast<uint32_t>(std::min<uint64_t>(table->rows, UINT32_MAX));
  return s;
}

Result<std::vector<float>> read_inv_freq(const GgufModel& gguf, const ModelShape& shape) {
  const GgufFile& file = gguf.metadata();
  ETB_ASSIGN_OR_RETURN(const auto architecture, architecture_of(file));
  ETB_ASSIGN_OR_RETURN(const double linear, linear_factor(ArchKeys(file, architecture)));
  const size_t count = shape.n_rot / 2;
  std::vector<float> factors(count, 1.0f);
  if (const GgufTensor* tensor = gguf.find_tensor("rope_freqs.weight")) {
    if (tensor->rows != 1 || tensor->cols != count) {
      return Status(StatusCode::Corrupt, concat(file.name(), ": tensor 'rope_freqs.weight' has ",
                                                tensor->cols, " elements, not ", count));
    }
    layout::dequantise_row(tensor->type, tensor->bytes.data(), count, factors.data());
  }
  std::vector<float> result(count);
  for (size_t i = 0; i < count; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(shape.n_rot);
    const double frequency = std::pow(shape.rope_base, exponent);
    result[i] = static_cast<float>(frequency / (static_cast<double>(factors[i]) * linear));
    if (!std::isfinite(result[i])) {
      return Status(StatusCode::Corrupt,
                    concat(file.name(), ": the rotation frequency ", i, " is not finite"));
    }
  }
  return result;
}

}  // namespace etb::import
