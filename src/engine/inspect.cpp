#include "engine/inspect.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "family/family.h"
#include "import/gguf_model.h"
#include "import/verify.h"
#include "model/pte_file.h"
#include "platform/mapped_file.h"
#include "runner/available.h"

namespace etb {
namespace {

constexpr uint64_t kContexts[] = {1024, 4096, 8192};

std::vector<BytesByKind> by_kind(const std::vector<TensorLine>& tensors) {
  std::map<std::string, BytesByKind> kinds;
  for (const TensorLine& tensor : tensors) {
    BytesByKind& kind = kinds[tensor.format];
    kind.kind = tensor.format;
    ++kind.count;
    kind.bytes += tensor.bytes;
  }
  std::vector<BytesByKind> list;
  for (auto& [name, kind] : kinds) list.push_back(std::move(kind));
  std::stable_sort(list.begin(), list.end(),
                   [](const BytesByKind& a, const BytesByKind& b) { return a.bytes > b.bytes; });
  return list;
}

void add_memory(InspectReport& report, const model::Manifest& manifest) {
  const model::ProgramDefaults& defaults = manifest.defaults;
  report.kv_bytes_per_token = model::kv_bytes_per_token(manifest.shape, defaults.kv_type);
  uint64_t activations = 0;
  if (const auto* forward = report.program->method("forward");
      forward && !forward->planned_bytes.empty()) {
    activations = forward->planned_bytes.front();
  }
  std::set<uint64_t> contexts(std::begin(kContexts), std::end(kContexts));
  contexts.insert(defaults.context);
  for (const uint64_t context : contexts) {
    if (context > manifest.shape.context_train && context != defaults.context) continue;
    const uint64_t kv =
        model::kv_bytes(manifest.shape, defaults.kv_type, static_cast<uint32_t>(context));
    report.memory.push_back(
        {.context = context, .kv_bytes = kv, .total_bytes = report.file_bytes + activations + kv});
  }
}

Status add_manifest(InspectReport& report, const model::PteFile& pte) {
  ETB_ASSIGN_OR_RETURN(const auto bytes, pte.named_data(model::kManifestKey));
  auto parsed = model::parse_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!parsed.ok()) return parsed.status().with_context(report.path);
  const model::Manifest& manifest = *parsed;
  report.architecture = manifest.family;
  report.name = manifest.name;
  report.quantisation = manifest.source_type;
  report.context_train = manifest.shape.context_train;
  report.vocab = manifest.shape.vocab;
  for (const model::TensorEntry& tensor : manifest.tensors) {
    report.tensors.push_back({tensor.name, tensor.format, tensor.rows, tensor.cols, tensor.bytes});
  }
  add_memory(report, manifest);
  report.manifest = manifest;
  return {};
}

void add_missing(InspectReport& report) {
  std::vector<std::string> operators, backends;
  for (const model::MethodSummary& method : report.program->methods) {
    for (const std::string& name : method.operators) {
      if (!runner::has_operator(name)) operators.push_back(name);
    }
    for (const std::string& name : method.backends) {
      if (!runner::has_backend(name)) backends.push_back(name);
    }
  }
  const auto add = [&](std::vector<std::string>& names, const char* what, const char* remedy) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string& name : names) report.missing.push_back(concat(what, name, remedy));
  };
  add(operators, "operator ", ": no kernel of that name is linked into this build");
  add(backends, "backend ", ": link its library, or export the model for another one");
  if (!report.manifest) {
    report.missing.emplace_back(
        "tokenizer and manifest: this version runs .gguf files and what `etbridge import` makes");
  }
}

Result<InspectReport> inspect_pte(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const model::PteFile pte, model::PteFile::open(path));
  InspectReport report;
  report.path = path;
  report.kind = pte.is_own() ? "etbridge pte" : "stock pte";
  report.file_bytes = pte.bytes().size();
  report.program = pte.summary();
  if (pte.is_own()) ETB_RETURN_IF_ERROR(add_manifest(report, pte));
  report.bytes_by_kind = by_kind(report.tensors);
  report.bytes_by_kind.push_back({"program", 1, pte.program().size()});
  for (const model::NamedDataSummary& data : pte.summary().named_data) {
    report.bytes_by_kind.push_back({data.key, 1, data.bytes});
  }
  if (!pte.is_own() && pte.summary().constant_bytes > 0) {
    report.bytes_by_kind.push_back({"constants", 1, pte.summary().constant_bytes});
  }
  add_missing(report);
  return report;
}

Result<InspectReport> inspect_gguf(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const import::GgufModel gguf, import::GgufModel::open(path));
  const import::GgufFile& metadata = gguf.metadata();
  InspectReport report;
  report.path = path;
  report.kind = "gguf";
  report.file_bytes = gguf.total_bytes();
  ETB_ASSIGN_OR_RETURN(const auto architecture, metadata.get_string("general.architecture"));
  ETB_ASSIGN_OR_RETURN(const auto name, metadata.get_string("general.name"));
  report.architecture = std::string(architecture.value_or(""));
  report.name = std::string(name.value_or(""));
  ETB_ASSIGN_OR_RETURN(const auto context,
                       metadata.get_uint(concat(report.architecture, ".context_length")));
  report.context_train = context.value_or(0);
  ETB_ASSIGN_OR_RETURN(const auto tokens, metadata.get_strings("tokenizer.ggml.tokens"));
  report.vocab = tokens ? tokens->size() : 0;
  for (const import::GgufPart& part : gguf.parts()) {
    for (const import::GgufTensor& tensor : part.gguf.tensors()) {
      report.tensors.push_back(
          {std::string(tensor.name),
           std::string(layout::ggml_type_name(static_cast<uint32_t>(tensor.type))), tensor.rows,
           tensor.cols, tensor.bytes.size()});
    }
  }
  report.bytes_by_kind = by_kind(report.tensors);
  for (const BytesByKind& kind : report.bytes_by_kind) {
    report.quantisation += (report.quantisation.empty() ? "" : " ") + kind.kind;
  }
  if (!family::find_family(report.architecture)) {
    report.missing.push_back(concat("architecture '", report.architecture,
                                    "': this version imports ", family::known_architectures()));
  }
  return report;
}

}  // namespace

Result<InspectReport> inspect_file(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  return is_gguf(*file) ? inspect_gguf(path) : inspect_pte(path);
}

Result<VerifyResult> verify_file(const std::string& path, const LoadProgress& progress,
                                 const CancelToken* cancel) {
  ETB_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  if (is_gguf(*file)) {
    return Status(StatusCode::Unsupported,
                  concat(path, " is a .gguf: it carries no checksums (the imported .pte does)"));
  }
  import::VerifyOptions options;
  options.cancel = cancel;
  if (progress) {
    options.progress = [&progress](uint64_t done, uint64_t total) {
      progress("verifying", done, total);
    };
  }
  auto report = import::verify_model(file->bytes(), options);
  if (!report.ok()) return report.status().with_context(path);
  return VerifyResult{report->bytes_checked, std::move(report->damaged)};
}

}  // namespace etb
