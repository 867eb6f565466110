#include "runner/executorch_runner.h"

#include <algorithm>
#include <mutex>

#include "base/log.h"
#include "base/text.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "model/precheck.h"
#include "model/pte_header.h"
#include "model/pte_summary.h"
#include "platform/cpu_features.h"
#include "platform/free_memory.h"
#include "runner/executorch_sequence.h"
#include "runner/program_meta.h"
#include "runner/runtime.h"
#include "runner/stock_libraries.h"

namespace etb::runner {
namespace {

using executorch::runtime::Kernel;
using executorch::runtime::Program;

Result<std::optional<kernels::Path>> path_by_name(const std::string& name) {
  if (name.empty()) return std::optional<kernels::Path>();
  std::vector<std::string> available;
  for (const kernels::Path path : kernels::available_paths()) {
    if (kernels::path_name(path) == name) return std::optional<kernels::Path>(path);
    available.emplace_back(kernels::path_name(path));
  }
  return Status(
      StatusCode::InvalidArgument,
      concat("kernel path '", name, "' is not one this machine has: ", name_list(available)));
}

// As docs/design/data-path.md and kernels/llama/llama_ops.h list them.
constexpr model::OperatorSignature kSignatures[] = {
    {"etb::embed.out", "TCDW"},
    {"etb::rope_table.out", "TTCDW"},
    {"etb::attention.out", "TTTCCCCCccccccWWIIIIIIIDDDW"},
    {"etb::mlp.out", "TCCCCcWIDW"},
    {"etb::head.out", "TCCWIDDW"},
    {"llama::custom_sdpa.out", "TTTItdBdW"},
    {"llama::custom_quantized_sdpa.out", "TTTItdBdttttttBW"},
    {"llama::sdpa_with_kv_cache.out", "TTTWWIItdBdW"},
    {"llama::update_cache.out", "TWIW"},
    {"llama::update_cache_with_indices.out", "TWITW"},
    {"llama::fast_hadamard_transform.out", "TW"},
};

// The runtime's own verification lets some programs through that crash it: this comes first.
Result<std::span<const uint8_t>> prechecked(const ModelSource& source,
                                            std::span<const model::OperatorSignature> signatures) {
  std::span<const uint8_t> program = source.program;
  if (program.empty()) {
    auto header = model::parse_header(source.file->bytes(), source.file->bytes().size());
    if (!header.ok()) return header.status().with_context(source.file->path());
    program = source.file->bytes().first(static_cast<size_t>(header->program_size));
  }
  model::PrecheckLimits limits;
  limits.total_bytes = source.file->bytes().size();
  limits.signatures = signatures;
  const Status status = model::precheck_program(program, limits);
  if (!status.ok()) return status.with_context(source.file->path());
  return program;
}

constexpr const char* kWeightCache = "weight_cache_enabled";
constexpr const char* kPackedPath = "packed_cache_path";

}  // namespace

Result<std::shared_ptr<TextRunner>> TextRunner::load(ModelSource source,
                                                     const RunnerOptions& options) {
  const auto kernels = kernels::operators();
  ETB_ASSIGN_OR_RETURN(std::shared_ptr<TextRunner> runner,
                       ExecutorchRunner::load(std::move(source), options,
                                              {{kernels.data(), kernels.size()}, kSignatures}));
  return runner;
}

Result<std::shared_ptr<const Embeddings>> TextRunner::encode(const media::Media& media,
                                                             const CancelToken*) {
  // It has no encoder for either kind: which error that is, is said in one place.
  return model::MediaMethods().positions_of(media).status();
}

Result<std::shared_ptr<ExecutorchRunner>> ExecutorchRunner::load(ModelSource source,
                                                                 const RunnerOptions& options,
                                                                 const OperatorSet& operators) {
  if (source.file == nullptr) {
    return Status(StatusCode::InvalidArgument, "a runner needs a mapped model file");
  }
  ensure_runtime();
  std::shared_ptr<ExecutorchRunner> runner(new ExecutorchRunner(std::move(source), operators));
  ETB_RETURN_IF_ERROR(runner->load_program(options, operators.signatures));
  ETB_RETURN_IF_ERROR(runner->choose_execution(options));
  ETB_RETURN_IF_ERROR(runner->plan_memory());
  ETB_RETURN_IF_ERROR(runner->try_methods());
  runner->keep_packed();
  ETB_RETURN_IF_ERROR(runner->open_embeddings(options.image));
  return runner;
}

namespace {

std::mutex& residents_mutex() {
  static std::mutex mutex;
  return mutex;
}
int residents = 0;  // under residents_mutex()

}  // namespace

ExecutorchRunner::Resident::Resident() {
  const std::lock_guard lock(residents_mutex());
  ++residents;
}

ExecutorchRunner::Resident::~Resident() {
  const std::lock_guard lock(residents_mutex());
  --residents;
}

void ExecutorchRunner::Resident::size_pool(unsigned threads) {
  const std::lock_guard lock(residents_mutex());
  if (residents == 1) kernels::resize_pool(threads);
}

ExecutorchRunner::ExecutorchRunner(ModelSource source, const OperatorSet& operators)
    : source_(std::move(source)),
      loader_(source_),
      kernels_(operators.kernels.begin(), operators.kernels.end()) {}

// Without the global ones in the same list the runtime logs an error for each operator found there.
void ExecutorchRunner::add_global_kernels(const model::Capabilities& needs) {
  const bool own = needs.backends.empty() &&
                   std::ranges::all_of(needs.operators, [this](const std::string& name) {
                     return std::ranges::any_of(
                         kernels_, [&name](const Kernel& kernel) { return name == kernel.name_; });
                   });
  if (!own) load_stock_libraries();
  for (const Kernel& kernel : registered_kernels()) kernels_.push_back(kernel);
}

Status ExecutorchRunner::choose_execution(const RunnerOptions& options) {
  ETB_ASSIGN_OR_RETURN(execution_.path, path_by_name(options.kernel_path));
  const unsigned wanted = options.threads > 0
                              ? options.threads
                              : static_cast<unsigned>(cpu_topology().performance_cores);
  set_threads(wanted);
  meta_.kernel_path = kernels::path_name(execution_.path.value_or(kernels::best_path()));
  return {};
}

void ExecutorchRunner::set_threads(unsigned threads) {
  execution_.threads = std::clamp(threads, 1U, kernels::pool_threads());
  meta_.threads = execution_.threads;
}

Status ExecutorchRunner::load_program(const RunnerOptions& options,
                                      std::span<const model::OperatorSignature> signatures) {
  const std::string& path = source_.file->path();
  ETB_ASSIGN_OR_RETURN(const auto bytes, prechecked(source_, signatures));
  program_bytes_ = bytes;
  const model::PteSummary summary = model::summarize_program(bytes);
  const model::Capabilities needs = model::capabilities_of(summary);
  add_global_kernels(needs);
  ETB_RETURN_IF_ERROR(set_backend_options(options, needs.backends, bytes));
  LogCapture capture;
  auto program = Program::load(&loader_, Program::Verification::InternalConsistency);
  if (!program.ok()) {
    return runtime_status(RuntimeStep::LoadProgram, program.error(), path, capture);
  }
  program_.emplace(std::move(program.get()));
  ETB_RETURN_IF_ERROR(open_external(summary));
  context_ = {&*program_, kernels_, path, backend_options_.map(), external_.get()};
  ETB_ASSIGN_OR_RETURN(methods_, method_names(context_));
  ETB_ASSIGN_OR_RETURN(text_, read_text_methods(context_, methods_));
  if (!text_.many.embeddings) return {};
  auto media = model::media_methods(summary);
  if (!media.ok()) return media.status().with_context(path);
  meta_.media = *media;
  return {};
}

Status ExecutorchRunner::set_backend_options(const RunnerOptions& options,
                                             const std::vector<std::string>& backends,
                                             std::span<const uint8_t> program) {
  Resident::size_pool(backends.empty() ? 0 : options.threads);
  for (const BackendOption& option : options.backend_options) {
    ETB_RETURN_IF_ERROR(backend_options_.set(option));
  }
  const Status used = backend_options_.check_used(backends);
  if (!used.ok()) return used.with_context(source_.file->path());
  if (std::ranges::find(backends, kXnnpack) == backends.end() ||
      backend_options_.has(kXnnpack, kWeightCache) || backend_options_.has(kXnnpack, kPackedPath)) {
    return {};
  }
  auto packed = PackedWeights::open(source_, program, options.cache_folder);
  if (!packed.ok()) {
    log(LogLevel::Warning, concat(source_.file->path(), ": XNNPACK packs the weights for each ",
                                  "conversation anew: ", packed.status().message()));
    return {};
  }
  packed_ = std::move(packed).value();
  ETB_RETURN_IF_ERROR(backend_options_.set({kXnnpack, kWeightCache, "true"}));
  return backend_options_.set({kXnnpack, kPackedPath, packed_->path()});
}

Status ExecutorchRunner::open_external(const model::PteSummary& summary) {
  ExternalDataMap::Needs needs;
  for (const model::MethodSummary& method : summary.methods) {
    if (!method.external_weights.empty()) needs[method.name] = method.external_weights;
  }
  if (source_.data.empty() && needs.empty()) return {};
  std::vector<model::PtdFile> files;
  for (const auto& file : source_.data) {
    ETB_ASSIGN_OR_RETURN(model::PtdFile parsed, model::PtdFile::from(file));
    files.push_back(std::move(parsed));
  }
  ETB_ASSIGN_OR_RETURN(external_, ExternalDataMap::create(std::move(files), std::move(needs)));
  return {};
}

void ExecutorchRunner::keep_packed() {
  if (packed_ == nullptr) return;
  packed_->keep();
  // Names and value are in range: this changes the value alone.
  static_cast<void>(backend_options_.set({kXnnpack, kPackedPath, packed_->path()}));
  // What packing read and freed.
  source_.file->advise_dont_need(0, source_.file->bytes().size());
  static_cast<void>(give_back_free_memory());
}

Status ExecutorchRunner::plan_memory() {
  for (const MethodContract* method : text_.list()) {
    ETB_ASSIGN_OR_RETURN(const std::vector<size_t> sizes, planned_sizes(context_, method->name));
    if (sizes.size() > arena_sizes_.size()) arena_sizes_.resize(sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) {
      arena_sizes_[i] = std::max(arena_sizes_[i], sizes[i]);
    }
  }
  if (text_.single && arena_sizes_.size() <= kKvArena) {
    return {StatusCode::Unsupported,
            concat(context_.file, ": '", kPrefill, "' and '", kDecode,
                   "' do not share their cache; export them with share_mutable_buffers")};
  }
  return {};
}

Status ExecutorchRunner::try_methods() {
  ETB_ASSIGN_OR_RETURN(const Arenas arenas, Arenas::reserve(arena_sizes_));
  std::vector<std::unique_ptr<LoadedMethod>> loaded;
  for (const MethodContract* method : text_.list()) {
    ETB_ASSIGN_OR_RETURN(loaded.emplace_back(),
                         LoadedMethod::load(context_, method->name, arenas.spans));
  }
  const RunnerMeta known = meta_;
  ETB_ASSIGN_OR_RETURN(meta_, read_program_meta(context_, methods_, text_));
  meta_.threads = known.threads;
  meta_.kernel_path = known.kernel_path;
  meta_.media = known.media;
  meta_.activation_bytes = arena_sizes_.empty() ? 0 : arena_sizes_[0];
  return find_cache(arenas, *loaded.front());
}

Status ExecutorchRunner::find_cache(const Arenas& arenas, LoadedMethod& forward) {
  KvPlan plan;
  if (arena_sizes_.size() > kKvArena) {
    ETB_ASSIGN_OR_RETURN(plan, plan_kv(context_, forward, arenas.spans[kKvArena]));
  }
  if (plan.tag.key == 0) {
    ExportedProgram exported{program_bytes_, {}, arena_sizes_, meta_.context};
    for (const MethodContract* method : text_.list()) exported.methods.push_back(method->name);
    ETB_ASSIGN_OR_RETURN(plan, plan_exported_kv(source_, exported));
  }
  if (plan.tag.key != 0) kv_arena_ = plan.arena;
  if (kv_arena_ < arena_sizes_.size()) meta_.kv_arena_bytes = arena_sizes_[kv_arena_];
  kv_descriptor_ = std::move(plan.descriptor);
  meta_.kv_bytes_per_token = kv_descriptor_.bytes_per_token();
  meta_.model_key = plan.tag.key;
  meta_.model_name = plan.tag.name;
  meta_.kv_type = plan.tag.type;
  meta_.row_layout = std::move(plan.tag.layout);
  if (shares_activations()) {
    ETB_ASSIGN_OR_RETURN(activations_, AnonymousMemory::reserve(arena_sizes_[0]));
  }
  if (!is_opaque() && kv_descriptor_.context() < meta_.context) {
    return {StatusCode::Corrupt, concat(context_.file, ": a context of ", meta_.context,
                                        " over a KV cache of ", kv_descriptor_.context())};
  }
  return {};
}

Status ExecutorchRunner::open_embeddings(const media::ImageRecipe& recipe) {
  if (!text_.many.embeddings) return {};
  ETB_ASSIGN_OR_RETURN(embeddings_, EmbeddingMethods::open(context_, meta_.media, recipe));
  meta_.chunk = std::min(meta_.chunk, embeddings_->most_tokens());
  return {};
}

Result<std::shared_ptr<const Embeddings>> ExecutorchRunner::encode(const media::Media& media,
                                                                   const CancelToken* cancel) {
  if (embeddings_ == nullptr) return TextRunner::encode(media, cancel);
  kernels::Execution execution = execution_;
  execution.cancel = cancel;
  auto rows = embeddings_->of_media(media, execution);
  return rows.ok() ? rows : rows.status().with_context(context_.file);
}

Result<std::unique_ptr<Sequence>> ExecutorchRunner::new_sequence() {
  ETB_ASSIGN_OR_RETURN(std::unique_ptr<Sequence> sequence,
                       ExecutorchSequence::create(shared_from_this()));
  return sequence;
}

}  // namespace etb::runner
