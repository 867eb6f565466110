#include "engine/loaded_model.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/chat_setup.h"
#include "import/program.h"
#include "platform/paths.h"

namespace etb {
namespace {

// Empty if the file's own program is what is wanted.
Result<std::vector<uint8_t>> program_for(const ModelBundle& bundle, uint32_t context) {
  const model::ProgramDefaults& defaults = bundle.manifest.defaults;
  if (!bundle.pte->is_own()) {
    if (context <= defaults.context) return std::vector<uint8_t>();
    return Status(StatusCode::InvalidArgument,
                  concat(bundle.path, " was exported for ", defaults.context,
                         " positions: a context of ", context, " takes another export"));
  }
  if (context == 0 || model::padded_context(context) == model::padded_context(defaults.context)) {
    return std::vector<uint8_t>();
  }
  if (context > bundle.manifest.shape.context_train) {
    log(LogLevel::Warning,
        concat("a context of ", context, " is more than the ", bundle.manifest.shape.context_train,
               " this model was trained for: answers may get worse"));
  }
  import::ProgramOptions options{.context = context,
                                 .chunk = defaults.chunk,
                                 .kv_type = defaults.kv_type,
                                 .segment_base = bundle.pte->header().segment_base,
                                 .named = {}};
  for (const std::string_view key :
       {model::kManifestKey, model::kTokenizerKey, model::kTemplateKey}) {
    if (const auto data = bundle.pte->named_data(key); data.ok()) {
      options.named.push_back({std::string(key), data->size()});
    }
  }
  return import::emit_program(bundle.manifest, options);
}

}  // namespace

std::string model_key(const ModelOptions& options) {
  std::string key =
      concat(options.model, " context=", options.context, " threads=", options.threads,
             " kernels=", options.kernel_path, " tokenizer=", options.tokenizer,
             " template=", options.chat_template, options.ids_only ? " ids" : "");
  for (const std::string& file : options.data) key += concat(" data=", file);
  for (const runner::BackendOption& option : options.backend_options) {
    key += concat(" ", option.backend, ".", option.key, "=", option.value);
  }
  return key;
}

bool ModelInfo::stops_at(TokenId id) const {
  return std::binary_search(stop_ids.begin(), stop_ids.end(), id);
}

std::unique_ptr<LoadedModel> LoadedModel::from_parts(ModelBundle bundle,
                                                     std::shared_ptr<runner::TextRunner> runner) {
  std::unique_ptr<LoadedModel> loaded(new LoadedModel());
  auto info = std::make_shared<ModelInfo>();
  info->stop_ids = collect_stop_ids(bundle);
  info->bundle = std::move(bundle);
  info->meta = runner->meta();
  loaded->info_ = std::move(info);
  loaded->runner_ = std::move(runner);
  return loaded;
}

LoadedModel::~LoadedModel() = default;

void LoadedModel::open_pool(const PoolOptions& options, const Clock& clock) {
  pool_ = std::make_unique<SequencePool>(*runner_, options, clock);
}

void LoadedModel::before_unload() {
  if (pool_) pool_->park_all();
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const ModelOptions& options,
                                                       const LoadProgress& progress,
                                                       const CancelToken* cancel) {
  const int64_t start = Clock::system().now_ns();
  ETB_ASSIGN_OR_RETURN(ModelBundle bundle, open_bundle({.model = options.model,
                                                        .tokenizer = options.tokenizer,
                                                        .data = options.data,
                                                        .ids_only = options.ids_only,
                                                        .chat_template = options.chat_template},
                                                       progress, cancel));
  ETB_ASSIGN_OR_RETURN(MemoryPlan plan, plan_memory(bundle, options.context, options.memory));
  ETB_ASSIGN_OR_RETURN(std::vector<uint8_t> program, program_for(bundle, plan.context));
  ETB_ASSIGN_OR_RETURN(
      auto runner,
      runner::TextRunner::load(
          {.file = bundle.pte->mapping(), .program = std::move(program), .data = bundle.data},
          {.threads = options.threads,
           .kernel_path = options.kernel_path,
           .image = bundle.recipe,
           .backend_options = options.backend_options,
           .cache_folder = cache_folder_if_any()}));
  const uint32_t logits = runner->meta().vocab_size;
  if (bundle.tokenizer != nullptr && bundle.tokenizer->vocab_size() > logits) {
    return Status(StatusCode::Corrupt,
                  concat(options.model, ": the tokenizer has ", bundle.tokenizer->vocab_size(),
                         " tokens, the model foretells only ", logits));
  }
  std::unique_ptr<LoadedModel> loaded = from_parts(std::move(bundle), std::move(runner));
  auto info = std::make_shared<ModelInfo>(*loaded->info_);
  info->memory = std::move(plan);
  info->load_ms = elapsed_ms(start, Clock::system().now_ns());
  loaded->info_ = std::move(info);
  return loaded;
}

}  // namespace etb
