#include "runner/executorch_runner.h"

#include <algorithm>

#include "base/text.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "model/precheck.h"
#include "model/pte_header.h"
#include "platform/cpu_features.h"
#include "runner/executorch_sequence.h"
#include "runner/kv_plan.h"
#include "runner/program_meta.h"
#include "runner/runtime.h"

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

// As docs/design/data-path.md lists them.
constexpr model::OperatorSignature kSignatures[] = {
    {"etb::embed.out", "TCDW"},
    {"etb::rope_table.out", "TTCDW"},
    {"etb::attention.out", "TTTCCCCCccccccWWIIIIIIIDDDW"},
    {"etb::mlp.out", "TCCCCcWIDW"},
    {"etb::head.out", "TCCWIDDW"},
};

// The runtime's own verification lets some programs through that crash it: this comes first.
Status precheck(const ModelSource& source, std::span<const model::OperatorSignature> signatures) {
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
  return status.ok() ? status : status.with_context(source.file->path());
}

}  // namespace

Result<std::shared_ptr<TextRunner>> TextRunner::load(ModelSource source,
                                                     const RunnerOptions& options) {
  const auto kernels = kernels::operators();
  ETB_ASSIGN_OR_RETURN(std::shared_ptr<TextRunner> runner,
                       ExecutorchRunner::load(std::move(source), options,
                                              {{kernels.data(), kernels.size()}, kSignatures}));
  return runner;
}

Result<std::shared_ptr<ExecutorchRunner>> ExecutorchRunner::load(ModelSource source,
                                                                 const RunnerOptions& options,
                                                                 const OperatorSet& operators) {
  if (source.file == nullptr) {
    return Status(StatusCode::InvalidArgument, "a runner needs a mapped model file");
  }
  ensure_runtime();
  std::shared_ptr<ExecutorchRunner> runner(new ExecutorchRunner(std::move(source), operators));
  ETB_RETURN_IF_ERROR(runner->choose_execution(options));
  ETB_RETURN_IF_ERROR(runner->load_program(operators.signatures));
  ETB_RETURN_IF_ERROR(runner->plan_memory());
  ETB_RETURN_IF_ERROR(runner->try_methods());
  return runner;
}

ExecutorchRunner::ExecutorchRunner(ModelSource source, const OperatorSet& operators)
    : source_(std::move(source)),
      loader_(source_),
      kernels_(operators.kernels.begin(), operators.kernels.end()) {
  // Without the global ones in the same list the runtime logs an error for each operator found
  // there.
  for (const Kernel& kernel : executorch::runtime::get_registered_kernels()) {
    kernels_.push_back(kernel);
  }
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

Status ExecutorchRunner::load_program(std::span<const model::OperatorSignature> signatures) {
  const std::string& path = source_.file->path();
  ETB_RETURN_IF_ERROR(precheck(source_, signatures));
  LogCapture capture;
  auto program = Program::load(&loader_, Program::Verification::InternalConsistency);
  if (!program.ok()) {
    return runtime_status(RuntimeStep::LoadProgram, program.error(), path, capture);
  }
  program_.emplace(std::move(program.get()));
  context_ = {&*program_, kernels_, path};
  ETB_ASSIGN_OR_RETURN(methods_, method_names(context_));
  if (methods_.contains(kForward)) return {};
  return {StatusCode::Unsupported, concat(path, " has no method '", kForward,
                                          "': it is no text model"
                                          " (its methods are ",
                                          name_list({methods_.begin(), methods_.end()}), ")")};
}

Status ExecutorchRunner::plan_memory() {
  for (const char* method : {kForward, kForwardAll}) {
    if (!methods_.contains(method)) continue;
    ETB_ASSIGN_OR_RETURN(const std::vector<size_t> sizes, planned_sizes(context_, method));
    if (sizes.size() > arena_sizes_.size()) arena_sizes_.resize(sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) {
      arena_sizes_[i] = std::max(arena_sizes_[i], sizes[i]);
    }
  }
  if (arena_sizes_.empty()) return {};
  ETB_ASSIGN_OR_RETURN(activations_, AnonymousMemory::reserve(arena_sizes_[0]));
  return {};
}

Status ExecutorchRunner::try_methods() {
  std::vector<AnonymousMemory> memories;
  std::vector<std::span<uint8_t>> arenas;
  for (const size_t bytes : arena_sizes_) {
    ETB_ASSIGN_OR_RETURN(AnonymousMemory memory, AnonymousMemory::reserve(bytes));
    memories.push_back(std::move(memory));
    arenas.push_back(memories.back().span());
  }
  ETB_ASSIGN_OR_RETURN(const auto forward, LoadedMethod::load(context_, kForward, arenas));
  if (methods_.contains(kForwardAll)) {
    ETB_ASSIGN_OR_RETURN(const auto all, LoadedMethod::load(context_, kForwardAll, arenas));
  }
  const RunnerMeta execution = meta_;
  ETB_ASSIGN_OR_RETURN(meta_, read_program_meta(context_, methods_));
  meta_.threads = execution.threads;
  meta_.kernel_path = execution.kernel_path;
  meta_.activation_bytes = arena_sizes_.empty() ? 0 : arena_sizes_[0];
  if (arena_sizes_.size() < 2) return {};
  meta_.kv_arena_bytes = arena_sizes_[1];
  ETB_ASSIGN_OR_RETURN(KvPlan plan, plan_kv(context_, *forward, arenas[1]));
  kv_descriptor_ = std::move(plan.descriptor);
  meta_.kv_bytes_per_token = kv_descriptor_.bytes_per_token();
  meta_.model_key = plan.tag.key;
  meta_.model_name = plan.tag.name;
  meta_.kv_type = plan.tag.type;
  meta_.row_layout = std::move(plan.tag.layout);
  if (!kv_descriptor_.layers().empty() && kv_descriptor_.context() < meta_.context) {
    return {StatusCode::Corrupt, concat(context_.file, ": a context of ", meta_.context,
                                        " over a KV cache of ", kv_descriptor_.context())};
  }
  return {};
}

Result<std::unique_ptr<Sequence>> ExecutorchRunner::new_sequence() {
  ETB_ASSIGN_OR_RETURN(std::unique_ptr<Sequence> sequence,
                       ExecutorchSequence::create(shared_from_this()));
  return sequence;
}

}  // namespace etb::runner
