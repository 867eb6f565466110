// Keys of GGUF metadata, read strictly: a missing, mistyped or unknown key that matters is an
// error.
#include "import/model_config.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace etb::import {
namespace {

using family::FamilyRow;
using family::RopeFactors;
using model::ModelShape;

// More than any model has; the manifest's own limit is checked with the rest of the shape.
constexpr uint32_t kMaxLayers = 65536;

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

// Scaling kinds other than linear and that of short and long factors would need other frequencies.
Result<double> linear_factor(const ArchKeys& keys, const FamilyRow& row) {
  ETB_ASSIGN_OR_RETURN(const auto type, keys.text("rope.scaling.type"));
  ETB_ASSIGN_OR_RETURN(const double factor, keys.real("rope.scaling.factor", 1.0));
  if (type == "none" || (type.empty() && factor == 1.0)) return 1.0;
  const bool by_factors = type == "longrope" || type == "su";
  if (by_factors && row.rope_factors == RopeFactors::ShortAndLong) return 1.0;
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

// For every layer whether it has the window: a list in the file, or a pattern of the file or
// family.
Result<std::vector<bool>> windowed_layers(const GgufFile& file, const ArchKeys& keys,
                                          const FamilyRow& row, uint32_t layers) {
  constexpr std::string_view kPattern = "attention.sliding_window_pattern";
  std::vector<bool> result(layers);
  const GgufValue* value = file.find(keys.full(kPattern));
  if (value != nullptr && value->type == GgufType::Array) {
    ETB_ASSIGN_OR_RETURN(const auto list, file.get_ints(keys.full(kPattern)));
    if (list->size() != layers) {
      return keys.bad(StatusCode::Corrupt, kPattern, "has not an item for every layer");
    }
    for (uint32_t i = 0; i < layers; ++i) result[i] = (*list)[i] != 0;
    return result;
  }
  ETB_ASSIGN_OR_RETURN(const auto number, file.get_uint(keys.full(kPattern)));
  const uint64_t pattern = number.value_or(row.window_pattern);
  for (uint32_t i = 0; i < layers; ++i) result[i] = pattern == 0 || i % pattern < pattern - 1;
  return result;
}

// Precondition: layers and context_train are read and within limits.
Status read_windows(const GgufFile& file, const ArchKeys& keys, const FamilyRow& row,
                    ModelShape& s) {
  ETB_ASSIGN_OR_RETURN(const auto number, file.get_uint(keys.full("attention.sliding_window")));
  const uint64_t window = number.value_or(row.window);
  if (window == 0) return {};
  // One that cuts nothing is none, unless its layers rotate differently.
  if (window >= s.context_train && row.window_rope_base == 0) return {};
  ETB_ASSIGN_OR_RETURN(const auto layers, windowed_layers(file, keys, row, s.layers));
  if (std::ranges::find(layers, true) == layers.end()) return {};
  for (const bool windowed : layers) {
    s.windows.push_back(windowed ? static_cast<uint32_t>(std::min<uint64_t>(window, UINT32_MAX))
                                 : 0);
  }
  return {};
}

Status read_rotation(const GgufModel& gguf, const ArchKeys& keys, const FamilyRow& row,
                     ModelShape& s) {
  ETB_ASSIGN_OR_RETURN(s.rope_base, keys.real("rope.freq_base", 10000.0));
  ETB_ASSIGN_OR_RETURN(s.rope_magnitude, keys.real("rope.scaling.attn_factor", 1.0));
  if (row.rope_factors != RopeFactors::ShortAndLong) return {};
  const auto names = rope_factor_tensors(row);
  if (std::ranges::none_of(names, [&](auto name) { return gguf.find_tensor(name) != nullptr; })) {
    return {};
  }
  ETB_ASSIGN_OR_RETURN(s.rope_original_context, keys.count("rope.scaling.original_context_length"));
  return {};
}

Status read_scales(const ArchKeys& keys, const FamilyRow& row, ModelShape& s) {
  ETB_ASSIGN_OR_RETURN(const double scale, keys.real("attention.scale", 0.0));
  const bool by_width = s.layers == row.width_scaled_layers;
  const double dims = by_width ? static_cast<double>(s.width) / static_cast<double>(s.heads)
                               : static_cast<double>(s.head_dim);
  s.attention_scale = scale != 0 ? scale : 1.0 / std::sqrt(dims);
  s.embed_scale = row.scale_embedding ? std::sqrt(static_cast<double>(s.width)) : 1.0;
  ETB_ASSIGN_OR_RETURN(s.attention_softcap,
                       keys.real("attn_logit_softcapping", row.attention_softcap));
  ETB_ASSIGN_OR_RETURN(s.final_softcap, keys.real("final_logit_softcapping", row.final_softcap));
  return {};
}

Result<std::vector<double>> read_factors(const GgufModel& gguf, std::string_view name,
                                         size_t count) {
  const GgufTensor* tensor = gguf.find_tensor(name);
  const auto bad = [&](std::string_view what) {
    return Status(StatusCode::Corrupt,
                  concat(gguf.metadata().name(), ": tensor '", name, "' ", what));
  };
  if (tensor == nullptr) return bad("is missing");
  if (tensor->rows != 1 || tensor->cols != count) {
    return bad(concat("has ", tensor->cols, " elements, not ", count));
  }
  std::vector<float> values(count);
  layout::dequantise_row(tensor->type, tensor->bytes.data(), count, values.data());
  return std::vector<double>(values.begin(), values.end());
}

// Empty `factors`: all 1.
Result<std::vector<float>> inverse_frequencies(const GgufFile& file, uint32_t n_rot, double base,
                                               std::span<const double> factors) {
  std::vector<float> result(n_rot / 2);
  for (size_t i = 0; i < result.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(n_rot);
    const double factor = factors.empty() ? 1.0 : factors[i];
    result[i] = static_cast<float>(std::pow(base, exponent) / factor);
    if (!std::isfinite(result[i])) {
      return Status(StatusCode::Corrupt,
                    concat(file.name(), ": the rotation frequency ", i, " is not finite"));
    }
  }
  return result;
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
    const auto knows = [key](std::span<const std::string_view> keys) {
      return std::ranges::find(keys, key) != keys.end();
    };
    if (knows(family::common_keys()) || knows(row.own_keys)) continue;
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
  ETB_RETURN_IF_ERROR(read_rotation(gguf, keys, row, s));
  ETB_RETURN_IF_ERROR(read_scales(keys, row, s));
  if (s.layers > kMaxLayers)
    return keys.bad(StatusCode::Unsupported, "block_count", "is too large");
  ETB_RETURN_IF_ERROR(read_windows(file, keys, row, s));
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

std::span<const std::string_view> rope_factor_tensors(const FamilyRow& row) {
  static constexpr std::string_view kOne[] = {"rope_freqs.weight"};
  static constexpr std::string_view kShortAndLong[] = {"rope_factors_short.weight",
                                                       "rope_factors_long.weight"};
  if (row.rope_factors == RopeFactors::One) return kOne;
  if (row.rope_factors == RopeFactors::ShortAndLong) return kShortAndLong;
  return {};
}

Result<std::vector<Frequencies>> read_frequencies(const GgufModel& gguf, const FamilyRow& row,
                                                  const ModelShape& shape) {
  const GgufFile& file = gguf.metadata();
  const ArchKeys keys(file, row.architecture);
  ETB_ASSIGN_OR_RETURN(const double linear, linear_factor(keys, row));
  const auto tensors = rope_factor_tensors(row);
  const bool two = shape.rope_original_context != 0;
  const bool any = two || (!tensors.empty() && gguf.find_tensor(tensors[0]) != nullptr);
  std::vector<Frequencies> sets;
  for (const std::string_view name : {"inv_freq", "inv_freq_long"}) {
    if (!sets.empty() && !two) break;
    std::vector<double> factors(shape.n_rot / 2, 1.0);
    if (any) {
      ETB_ASSIGN_OR_RETURN(factors, read_factors(gguf, tensors[sets.size()], factors.size()));
    }
    for (double& factor : factors) factor *= linear;
    ETB_ASSIGN_OR_RETURN(auto values,
                         inverse_frequencies(file, shape.n_rot, shape.rope_base, factors));
    sets.push_back({name, std::move(values)});
  }
  if (shape.windows.empty() || row.window_rope_base == 0) return sets;
  ETB_ASSIGN_OR_RETURN(const double base, keys.real("rope.freq_base_swa", row.window_rope_base));
  ETB_ASSIGN_OR_RETURN(auto values, inverse_frequencies(file, shape.n_rot, base, {}));
  sets.push_back({"inv_freq_window", std::move(values)});
  return sets;
}

}  // namespace etb::import
