#include "engine/inspect.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "engine/memory_plan.h"
#include "family/family.h"
#include "import/gguf_model.h"
#include "import/verify.h"
#include "model/capabilities.h"
#include "model/pte_file.h"
#include "platform/mapped_file.h"
#include "platform/paths.h"
#include "runner/available.h"
#include "token/tokenizer_file.h"

namespace etb {
namespace {

constexpr uint32_t kContexts[] = {1024, 4096, 8192};

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

void add_memory(InspectReport& report, const model::PteFile& pte, const model::Manifest& manifest) {
  const memory::ModelCost cost = cost_of(pte, manifest);
  report.kv_bytes_per_token = cost.kv_bytes_per_token;
  std::set<uint32_t> contexts(std::begin(kContexts), std::end(kContexts));
  contexts.insert(manifest.defaults.context);
  for (const uint32_t context : contexts) {
    if (context > manifest.shape.context_train && context != manifest.defaults.context) continue;
    report.memory.push_back({.context = context,
                             .kv_bytes = memory::kv_bytes(cost, context),
                             .total_bytes = memory::estimate(cost, context).total_bytes()});
  }
}

Status add_manifest(InspectReport& report, const model::PteFile& pte) {
  ETB_ASSIGN_OR_RETURN(const model::Manifest manifest, pte.manifest());
  report.architecture = manifest.family;
  report.name = manifest.name;
  report.quantisation = manifest.source_type;
  report.context_train = manifest.shape.context_train;
  report.vocab = manifest.shape.vocab;
  for (const model::TensorEntry& tensor : manifest.tensors) {
    report.tensors.push_back({tensor.name, tensor.format, tensor.rows, tensor.cols, tensor.bytes});
  }
  add_memory(report, pte, manifest);
  report.manifest = manifest;
  return {};
}

void add_missing(InspectReport& report, const model::Capabilities& needs) {
  const model::Missing missing =
      model::missing_from(needs, &runner::has_operator, &runner::has_backend);
  for (const std::string& name : missing.operators) {
    report.missing.push_back(
        concat("operator ", name, ": no kernel of that name is linked into this build"));
  }
  for (const std::string& name : missing.backends) {
    report.missing.push_back(
        concat("backend ", name, ": link its library, or export the model for another one"));
  }
  if (needs.kind == model::FileKind::Own) return;
  if (needs.text_methods.empty()) {
    report.missing.emplace_back(
        "a method that turns tokens into logits: other models don't run yet");
  } else if (const auto tokenizer = token::find_tokenizer(std::string(folder_of(report.path)));
             !tokenizer.ok()) {
    report.missing.push_back(concat("tokenizer: ", tokenizer.status().message()));
  }
}

std::string kind_of(const model::Capabilities& needs) {
  if (needs.kind == model::FileKind::Own) return "etbridge pte";
  return concat("stock pte, ", model::kind_name(needs.kind));
}

Result<InspectReport> inspect_pte(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const model::PteFile pte, model::PteFile::open(path));
  InspectReport report;
  report.path = path;
  const model::Capabilities needs = model::capabilities_of(pte.summary());
  report.kind = kind_of(needs);
  report.file_bytes = pte.bytes().size();
  report.program = pte.summary();
  if (!needs.text_methods.empty()) report.vocab = needs.text_methods.front().vocab;
  if (pte.is_own()) ETB_RETURN_IF_ERROR(add_manifest(report, pte));
  report.bytes_by_kind = by_kind(report.tensors);
  report.bytes_by_kind.push_back({"program", 1, pte.program().size()});
  for (const model::NamedDataSummary& data : pte.summary().named_data) {
    report.bytes_by_kind.push_back({data.key, 1, data.bytes});
  }
  if (!pte.is_own() && pte.summary().constant_bytes > 0) {
    report.bytes_by_kind.push_back({"constants", 1, pte.summary().constant_bytes});
  }
  add_missing(report, needs);
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
