#include "engine/engine.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/session.h"
#include "import/program.h"

namespace etb {
namespace {

// Any id that ends an answer, whoever names it: the file's manifest (which holds the family's known
// end-of-turn texts) or its tokenizer.
std::vector<TokenId> collect_stop_ids(const ModelBundle& bundle) {
  std::vector<TokenId> stops = bundle.manifest.tokens.stop;
  const family::VocabIds& ids = bundle.tokenizer->ids();
  for (const auto& id : {ids.eos, ids.eot, ids.eom, bundle.manifest.tokens.eos}) {
    if (id) stops.push_back(*id);
  }
  std::sort(stops.begin(), stops.end());
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  return stops;
}

// Empty if the file's own program is what is wanted.
Result<std::vector<uint8_t>> program_for(const ModelBundle& bundle, uint32_t context) {
  const model::ProgramDefaults& defaults = bundle.manifest.defaults;
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

std::shared_ptr<Engine> Engine::from_parts(ModelBundle bundle,
                                           std::shared_ptr<runner::TextRunner> runner) {
  std::shared_ptr<Engine> engine(new Engine());
  engine->bundle_ = std::move(bundle);
  engine->runner_ = std::move(runner);
  engine->stop_ids_ = collect_stop_ids(engine->bundle_);
  return engine;
}

Result<std::shared_ptr<Engine>> Engine::load(const EngineOptions& options) {
  const int64_t start = Clock::system().now_ns();
  ETB_ASSIGN_OR_RETURN(ModelBundle bundle,
                       open_bundle(options.model, options.progress, options.cancel));
  ETB_ASSIGN_OR_RETURN(std::vector<uint8_t> program, program_for(bundle, options.context));
  ETB_ASSIGN_OR_RETURN(
      auto runner,
      runner::TextRunner::load({.file = bundle.pte->mapping(), .program = std::move(program)},
                               {.threads = options.threads, .kernel_path = options.kernel_path}));
  std::shared_ptr<Engine> engine = from_parts(std::move(bundle), std::move(runner));
  const uint32_t logits = engine->runner_->meta().vocab_size;
  if (engine->tokenizer().vocab_size() > logits) {
    return Status(StatusCode::Corrupt,
                  concat(options.model, ": the tokenizer has ", engine->tokenizer().vocab_size(),
                         " tokens, the model foretells only ", logits));
  }
  engine->load_ms_ = elapsed_ms(start, Clock::system().now_ns());
  return engine;
}

Result<std::unique_ptr<Session>> Engine::new_session(const SessionOptions& options) {
  ETB_ASSIGN_OR_RETURN(auto sequence, runner_->new_sequence());
  return std::make_unique<Session>(shared_from_this(), std::move(sequence), options);
}

}  // namespace etb
