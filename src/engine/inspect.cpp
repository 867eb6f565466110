#include "engine/inspect.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "engine/memory_plan.h"
#include "engine/stock_bundle.h"
#include "family/family.h"
#include "import/conversion_plan.h"
#include "import/gguf_model.h"
#include "import/program.h"
#include "import/verify.h"
#include "kv/kv_memory.h"
#include "model/capabilities.h"
#include "model/media_methods.h"
#include "model/ptd_file.h"
#include "model/pte_file.h"
#include "model/state_layout.h"
#include "platform/mapped_file.h"
#include "platform/paths.h"
#include "runner/available.h"
#include "token/tokenizer_file.h"

namespace etb {
namespace {

constexpr uint32_t kContexts[] = {1024, 4096, 8192};
constexpr std::string_view kOwnPrefix = "etb.";

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

void add_memory(InspectReport& report, const memory::ModelCost& cost,
                const model::Manifest& manifest) {
  report.kv_bytes_per_token = cost.kv_bytes_per_token + cost.window_bytes_per_token;
  report.window_bytes_per_token = cost.window_bytes_per_token;
  report.window = widest_window(manifest.shape);
  std::set<uint32_t> contexts(std::begin(kContexts), std::end(kContexts));
  contexts.insert(manifest.defaults.context);
  for (const uint32_t context : contexts) {
    if (context > manifest.shape.context_train && context != manifest.defaults.context) continue;
    report.memory.push_back({.context = context,
                             .kv_bytes = memory::kv_bytes(cost, context),
                             .total_bytes = memory::estimate(cost, context).total_bytes()});
  }
}

// What copies of its cache make possible, in the same words for files of every kind.
std::vector<Ability> with_rows(Ability rewind) {
  return {std::move(rewind),
          {"reuse", true, "what other conversations and closed ones computed"},
          {"save", true, "a conversation that is opened again is not read anew"}};
}

std::vector<Ability> without_rows(const std::string& reason) {
  return {{"rewind", false, concat("to the start only: ", reason)},
          {"reuse", false, concat("each conversation is read for itself: ", reason)},
          {"save", false, concat("what is opened again is read anew: ", reason)}};
}

// Of one of our own files.
void add_abilities(InspectReport& report, const model::ModelShape& shape) {
  const uint32_t window = widest_window(shape);
  report.abilities = with_rows({"rewind", true,
                                window == 0 ? "to any position"
                                            : concat("by ", std::min(window, kv::kRewindRoom),
                                                     " positions at any time, or to the start")});
  report.abilities.push_back({"images", false, "a text model"});
  report.abilities.push_back({"audio", false, "a text model"});
}

Ability takes_images(const model::MediaMethods& media) {
  if (!media.image) return {"images", false, "no encoder for them"};
  return {"images", true,
          concat(media.image->width, " x ", media.image->height, ", ", media.image->positions,
                 " positions each")};
}

Ability takes_audio(const model::MediaMethods& media) {
  if (!media.audio) return {"audio", false, "no encoder for it"};
  return {"audio", true, concat("up to ", media.audio->positions, " positions each")};
}

void add_stock_abilities(InspectReport& report, const model::PteFile& pte,
                         const model::Capabilities& needs) {
  std::vector<std::string> methods;
  for (const model::TextMethod& method : needs.text_methods) methods.push_back(method.name);
  const model::StateLayout state =
      model::state_layout(pte.program(), methods, std::max<uint64_t>(report.context_train, 1));
  for (const model::StateBuffer& buffer : state.buffers) {
    report.kv_bytes_per_token += buffer.groups * buffer.row_bytes;
  }
  for (MemoryAt& at : report.memory) at.kv_bytes = report.kv_bytes_per_token * at.context;
  report.abilities = state.opaque.empty() ? with_rows({"rewind", true, "to any position"})
                                          : without_rows(state.opaque);
  const auto media = model::media_methods(*report.program);
  if (!media.ok()) report.missing.push_back(std::string(media.status().message()));
  report.abilities.push_back(takes_images(media.ok() ? *media : model::MediaMethods()));
  report.abilities.push_back(takes_audio(media.ok() ? *media : model::MediaMethods()));
}

using DataFile = std::optional<model::PtdFile>;

// The .ptd that a load would take.
Result<DataFile> open_data_file(const std::string& model) {
  const std::string path = data_file_beside(model);
  if (path.empty()) return DataFile();
  ETB_ASSIGN_OR_RETURN(model::PtdFile file, model::PtdFile::open(path));
  return DataFile(std::move(file));
}

void add_data_file(InspectReport& report, const model::PtdFile& file) {
  const uint64_t bytes = file.mapping()->bytes().size();
  report.bytes_by_kind.push_back(
      {concat("weights in ", file_name(file.name())), file.data().size(), bytes});
  report.file_bytes += bytes;
}

// The cache has the size it was exported with, among what the program plans.
void add_stock(InspectReport& report, const model::PteFile& pte, const model::Capabilities& needs,
               const DataFile& data) {
  if (report.program->constant_bytes > 0) {
    report.bytes_by_kind.push_back({"constants", 1, report.program->constant_bytes});
  }
  if (data) add_data_file(report, *data);
  if (needs.text_methods.empty()) return;
  report.vocab = needs.text_methods.front().vocab;
  report.context_train = needs.context.value_or(0);
  const auto context = static_cast<uint32_t>(std::min<uint64_t>(report.context_train, UINT32_MAX));
  const memory::ModelCost cost = cost_of(*report.program, report.file_bytes, {});
  report.memory.push_back(
      {.context = context, .total_bytes = memory::estimate(cost, context).total_bytes()});
  add_stock_abilities(report, pte, needs);
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
  add_memory(report, cost_of(pte.summary(), report.file_bytes, manifest), manifest);
  add_abilities(report, manifest.shape);
  report.manifest = manifest;
  return {};
}

// Delegates' weights are not among them: only they know the names.
void add_missing_weights(InspectReport& report, const DataFile& data) {
  std::set<std::string> lacking;
  for (const model::MethodSummary& method : report.program->methods) {
    lacking.insert(method.external_weights.begin(), method.external_weights.end());
  }
  if (data) {
    for (const model::ExternalData& found : data->data()) lacking.erase(found.key);
  }
  if (lacking.empty()) return;
  report.missing.push_back(concat("weights: ", lacking.size(), " lie in another file, '",
                                  *lacking.begin(), "' for one: put the model's .ptd beside it, ",
                                  "under the same name, or give it with --data"));
}

void add_missing(InspectReport& report, const model::Capabilities& needs, const DataFile& data) {
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
  add_missing_weights(report, data);
  if (needs.text_methods.empty()) {
    report.missing.emplace_back(
        "a method that turns tokens into logits: other models don't run yet");
  } else if (const auto tokenizer = token::find_tokenizer(std::string(folder_of(report.path)));
             !tokenizer.ok()) {
    report.missing.push_back(concat("tokenizer: ", tokenizer.status().message()));
  }
}

// Weights of a delegate have hashes for names, hundreds of them.
void add_named_data(InspectReport& report, const model::PteSummary& program) {
  BytesByKind others{"named weights", 0, 0};
  for (const model::NamedDataSummary& data : program.named_data) {
    if (data.key.starts_with(kOwnPrefix)) {
      report.bytes_by_kind.push_back({data.key, 1, data.bytes});
      continue;
    }
    ++others.count;
    others.bytes += data.bytes;
  }
  if (others.count > 0) report.bytes_by_kind.push_back(std::move(others));
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
  if (pte.is_own()) ETB_RETURN_IF_ERROR(add_manifest(report, pte));
  report.bytes_by_kind = by_kind(report.tensors);
  report.bytes_by_kind.push_back({"program", 1, pte.program().size()});
  add_named_data(report, pte.summary());
  DataFile data;
  if (!pte.is_own()) {
    ETB_ASSIGN_OR_RETURN(data, open_data_file(path));
    add_stock(report, pte, needs, data);
  }
  add_missing(report, needs, data);
  return report;
}

// What the file will be once it is imported; an error says why it cannot be.
Status add_import(InspectReport& report, const import::GgufModel& gguf,
                  const family::FamilyRow& row) {
  ETB_ASSIGN_OR_RETURN(const import::ConversionPlan plan, import::plan_conversion(gguf, row, 0));
  ETB_ASSIGN_OR_RETURN(const std::vector<uint8_t> program, import::emit_program(plan.manifest, {}));
  uint64_t beside = report.file_bytes;  // the vocabulary, above all
  for (const BytesByKind& kind : report.bytes_by_kind) beside -= std::min(beside, kind.bytes);
  const uint64_t bytes = plan.manifest.constant_bytes + program.size() + beside;
  add_memory(report, cost_of(model::summarize_program(program), bytes, plan.manifest),
             plan.manifest);
  add_abilities(report, plan.manifest.shape);
  return {};
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
  const family::FamilyRow* const row = family::find_family(report.architecture);
  if (row == nullptr) {
    report.missing.push_back(concat("architecture '", report.architecture,
                                    "': this version imports ", family::known_architectures()));
    return report;
  }
  const Status planned = add_import(report, gguf, *row);
  if (!planned.ok()) report.missing.push_back(std::string(planned.message()));
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
