// Decided from shapes and metadata methods, never from a method's name alone.
#include "model/capabilities.h"

#include <algorithm>
#include <set>

#include "model/manifest.h"
#include "model/media_methods.h"

namespace etb::model {
namespace {

bool is_integer(ScalarType type) {
  return type == ScalarType::Long || type == ScalarType::Int;
}

bool is_float(ScalarType type) {
  return type == ScalarType::Float || type == ScalarType::Half || type == ScalarType::BFloat16;
}

bool is_int_tensor(const ValueSummary& value, size_t rank) {
  return value.type == ValueType::Tensor && is_integer(value.dtype) && value.sizes.size() == rank;
}

uint64_t size_at(const ValueSummary& value, size_t dim) {
  return static_cast<uint64_t>(std::max(0, value.sizes[dim]));
}

bool is_embeddings(const ValueSummary& value) {
  return value.type == ValueType::Tensor && is_float(value.dtype) && value.sizes.size() == 3;
}

// Tokens [1,S], or of a decoder embeddings [1,S,H], and perhaps positions in; one tensor of logits
// [1,V] or [1,S,V] out.
std::optional<TextMethod> text_method(const MethodSummary& method) {
  if (method.inputs.empty() || method.inputs.size() > 2 || method.outputs.size() != 1) return {};
  const ValueSummary& tokens = method.inputs[0];
  const ValueSummary& logits = method.outputs[0];
  const bool decoder = method.name == kTextDecoder;
  if (method.name == kTokenEmbedding) return {};
  if (decoder ? !is_embeddings(tokens) : !is_int_tensor(tokens, 2)) return {};
  if (logits.type != ValueType::Tensor || !is_float(logits.dtype)) return {};
  const size_t rank = logits.sizes.size();
  if (rank != 2 && rank != 3) return {};
  TextMethod text;
  text.name = method.name;
  text.embeddings = decoder;
  if (!decoder) text.token_type = tokens.dtype;
  text.most_tokens = size_at(tokens, 1);
  text.dynamic_tokens = tokens.dynamic;
  text.all_positions = rank == 3;
  text.vocab = size_at(logits, rank - 1);
  if (method.inputs.size() == 2) {
    if (!is_int_tensor(method.inputs[1], 1)) return {};
    text.has_positions = true;
    text.position_vector = size_at(method.inputs[1], 0) > 1;
  }
  return text;
}

bool has_encoder(const PteSummary& summary) {
  constexpr std::string_view kNames[] = {kVisionEncoder, kAudioEncoder, kTokenEmbedding,
                                         kTextDecoder};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&summary](std::string_view name) { return summary.method(name) != nullptr; });
}

FileKind kind_of(const PteSummary& summary, const std::vector<TextMethod>& text) {
  const auto own = [](const NamedDataSummary& data) { return data.key == kManifestKey; };
  if (std::any_of(summary.named_data.begin(), summary.named_data.end(), own)) return FileKind::Own;
  if (has_encoder(summary)) return FileKind::Multimodal;
  if (text.empty()) {
    const auto computes = [](const MethodSummary& m) { return m.instructions > 0; };
    const bool any = std::any_of(summary.methods.begin(), summary.methods.end(), computes);
    return any ? FileKind::Unknown : FileKind::MetadataOnly;
  }
  // get_dtype and the singular get_eos_id are optimum's own; get_max_context_len is export_llm's.
  const bool optimum = summary.method("get_dtype") != nullptr ||
                       summary.method("get_eos_id") != nullptr || text.front().position_vector;
  if (optimum) return FileKind::Optimum;
  const bool stock = summary.method("get_max_seq_len") != nullptr;
  return stock ? FileKind::ExportLlm : FileKind::OtherText;
}

void add_each(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void make_set(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

std::vector<std::string> without(const std::vector<std::string>& names, Has there) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!there(name)) missing.push_back(name);
  }
  return missing;
}

}  // namespace

std::string_view kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::Own:
      return "own";
    case FileKind::ExportLlm:
      return "export_llm";
    case FileKind::Optimum:
      return "optimum";
    case FileKind::OtherText:
      return "text";
    case FileKind::Multimodal:
      return "multimodal";
    case FileKind::MetadataOnly:
      return "metadata only";
    case FileKind::Unknown:
      break;
  }
  return "unknown";
}

Capabilities capabilities_of(const PteSummary& summary) {
  Capabilities caps;
  for (const MethodSummary& method : summary.methods) {
    add_each(caps.operators, method.operators);
    add_each(caps.backends, method.backends);
    std::optional<TextMethod> text = text_method(method);
    if (!text) continue;
    const bool first = text->name == "forward";
    caps.text_methods.insert(first ? caps.text_methods.begin() : caps.text_methods.end(),
                             std::move(*text));
  }
  make_set(caps.operators);
  make_set(caps.backends);
  caps.kind = kind_of(summary, caps.text_methods);
  for (std::string_view name : {"get_max_context_len", "get_max_seq_len"}) {
    const std::optional<int64_t> length = summary.int_constant(name);
    if (!caps.context && length && *length > 0) caps.context = static_cast<uint64_t>(*length);
  }
  std::set<int64_t> seen;  // a file can list millions
  for (std::string_view name : {"get_eos_ids", "get_eos_id"}) {
    for (int64_t id : summary.int_constants(name)) {
      if (seen.insert(id).second) caps.eos_ids.push_back(id);
    }
  }
  caps.bos_id = summary.int_constant("get_bos_id");
  return caps;
}

Missing missing_from(const Capabilities& needs, Has operator_there, Has backend_there) {
  return {without(needs.operators, operator_there), without(needs.backends, backend_there)};
}

}  // namespace etb::model
