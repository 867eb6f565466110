#include "engine/memory_plan.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "kv/kv_memory.h"
#include "memory/default_context.h"
#include "memory/show.h"
#include "platform/anonymous_memory.h"
#include "platform/memory_info.h"

namespace etb {
namespace {

constexpr const char* kForward = "forward";
constexpr uint32_t kElementBytes = 2;  // of keys and values: f16

// A stock file keeps its cache among what it plans, whole from the start, and a delegate holds the
// weights once more in a form of its own.
void add_stock(const model::PteSummary& summary, memory::ModelFigures& figures) {
  bool delegated = false;
  for (const model::MethodSummary& method : summary.methods) {
    uint64_t planned = 0;
    for (const uint64_t bytes : method.planned_bytes)
      planned = memory::add_saturating(planned, bytes);
    figures.activation_bytes = std::max(figures.activation_bytes, planned);
    figures.program_values = std::max<uint64_t>(figures.program_values, method.values);
    delegated |= !method.backends.empty();
  }
  if (delegated) {
    figures.activation_bytes = memory::add_saturating(figures.activation_bytes, figures.file_bytes);
  }
}

}  // namespace

uint32_t widest_window(const model::ModelShape& shape) {
  return shape.windows.empty() ? 0 : std::ranges::max(shape.windows);
}

memory::ModelCost cost_of(const model::PteSummary& program, uint64_t file_bytes,
                          const model::Manifest& manifest) {
  const model::ModelShape& shape = manifest.shape;
  memory::ModelFigures figures{.file_bytes = file_bytes,
                               .vocab = shape.vocab,
                               .kv_row_bytes = shape.head_dim * kElementBytes,
                               .page_bytes = page_size()};
  // Every layer takes the same.
  const uint64_t layer_bytes =
      model::kv_bytes_per_token(shape, manifest.defaults.kv_type) / std::max(shape.layers, 1U);
  const auto windowed =
      static_cast<uint64_t>(std::ranges::count_if(shape.windows, [](uint32_t w) { return w > 0; }));
  figures.kv_bytes_per_token = layer_bytes * (shape.layers - windowed);
  figures.window_bytes_per_token = layer_bytes * windowed;
  figures.window_positions = kv::most_window_rows(widest_window(shape), manifest.defaults.chunk);
  if (manifest.tensors.empty()) {
    add_stock(program, figures);
  } else if (const model::MethodSummary* const forward = program.method(kForward)) {
    figures.program_values = forward->values;
    if (!forward->planned_bytes.empty()) figures.activation_bytes = forward->planned_bytes.front();
  }
  return memory::model_cost(figures);
}

Result<MemoryPlan> plan_memory(const ModelBundle& bundle, uint32_t context,
                               const MemoryOptions& options) {
  uint64_t bytes = bundle.pte->bytes().size();
  for (const auto& file : bundle.data) bytes += file->bytes().size();
  MemoryPlan plan{.context = context,
                  .cost = cost_of(bundle.pte->summary(), bytes, bundle.manifest)};
  const auto machine = machine_memory(options.root);
  const auto process = process_memory_under(options.root);
  const model::ProgramDefaults& defaults = bundle.manifest.defaults;
  if (!machine.ok() || !process.ok()) {
    // A system that does not say what it has cannot be planned for.
    if (context == 0) plan.context = defaults.context;
    plan.reasoning = "the system does not tell how much memory it has";
    return plan;
  }
  plan.budget = memory::make_budget({.machine = *machine,
                                     .footprint_bytes = process->footprint_bytes,
                                     .host_limit_bytes = options.host_limit_bytes});
  if (context == 0) {
    memory::ContextChoice choice =
        memory::default_context({.cost = plan.cost,
                                 .trained = bundle.manifest.shape.context_train,
                                 .file_default = defaults.context,
                                 .machine = *machine,
                                 .budget = plan.budget});
    plan.context = choice.context;
    plan.reasoning = std::move(choice.reasoning);
  } else {
    plan.reasoning = concat("a context of ", context, " was asked for");
  }
  plan.estimate = memory::estimate(plan.cost, plan.context);
  if (options.enforce) {
    const Status fits = memory::admit(plan.cost, plan.context, plan.budget);
    if (!fits.ok()) return fits.with_context(bundle.path);
  }
  return plan;
}

}  // namespace etb
