// TextRunner on the real runtime. Internal to the room: others see runner/text_runner.h.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "kernels/execution.h"
#include "kv/descriptor.h"
#include "model/capabilities.h"
#include "model/precheck.h"
#include "platform/anonymous_memory.h"
#include "runner/backend_options.h"
#include "runner/embeddings.h"
#include "runner/external_data.h"
#include "runner/kv_plan.h"
#include "runner/loaded_method.h"
#include "runner/mapped_loader.h"
#include "runner/packed_weights.h"
#include "runner/program_meta.h"
#include "runner/text_runner.h"

namespace etb::runner {

// The operators a program may use besides the globally registered ones.
struct OperatorSet {
  std::span<const executorch::runtime::Kernel> kernels;
  // What they take, so that a hostile program cannot make one write into the mapped weights.
  std::span<const model::OperatorSignature> signatures;
};

class ExecutorchRunner final : public TextRunner,
                               public std::enable_shared_from_this<ExecutorchRunner> {
 public:
  // `operators` come before the globally registered ones.
  static Result<std::shared_ptr<ExecutorchRunner>> load(ModelSource source,
                                                        const RunnerOptions& options,
                                                        const OperatorSet& operators);

  const RunnerMeta& meta() const override { return meta_; }
  Result<std::unique_ptr<Sequence>> new_sequence() override;
  void set_threads(unsigned threads) override;
  Result<std::shared_ptr<const Embeddings>> encode(const media::Media& media,
                                                   const CancelToken* cancel) override;

  const ModelSource& source() const { return source_; }
  const MethodContext& context() const { return context_; }
  const TextMethods& methods() const { return text_; }
  // Whether the sequences share memory id 1: not where a file keeps its cache, or may keep it.
  bool shares_activations() const { return !is_opaque() && kv_arena_ != 0; }
  // Whether it is unknown where the file keeps its state.
  bool is_opaque() const { return meta_.model_key == 0; }
  // Bytes each memory id needs over all text methods, id 1 first.
  const std::vector<size_t>& arena_sizes() const { return arena_sizes_; }
  std::span<uint8_t> activations() { return activations_.span(); }
  // Index of the memory that holds the cache, if the file has so many.
  size_t kv_arena() const { return kv_arena_; }
  const kv::Descriptor& kv_descriptor() const { return kv_descriptor_; }
  const kernels::Execution& execution() const { return execution_; }
  // Of a model whose decoder takes embeddings; else null.
  EmbeddingMethods* embeddings() const { return embeddings_.get(); }

 private:
  // Counts the runners of the process: a lone one may set the size of the thread pool.
  class Resident {
   public:
    Resident();
    ~Resident();
    Resident(const Resident&) = delete;
    Resident& operator=(const Resident&) = delete;
    // Sizes the pool for delegates with `threads` (0: all of it), if no other runner may be using
    // it.
    static void size_pool(unsigned threads);
  };

  ExecutorchRunner(ModelSource source, const OperatorSet& operators);
  void add_global_kernels(const model::Capabilities& needs);
  Status load_program(const RunnerOptions& options,
                      std::span<const model::OperatorSignature> signatures);
  Status set_backend_options(const RunnerOptions& options, const std::vector<std::string>& backends,
                             std::span<const uint8_t> program);
  // Of a model whose weights lie, or may lie, in other files.
  Status open_external(const model::PteSummary& summary);
  // Goes on with the weights as they were packed in this load.
  void keep_packed();
  Status plan_memory();
  Status choose_execution(const RunnerOptions& options);
  // `forward` was loaded with the arenas.
  Status find_cache(const Arenas& arenas, LoadedMethod& forward);
  // Loads the forward methods once, over memory of their own, to find out now whether they can run.
  Status try_methods();
  Status open_embeddings(const media::ImageRecipe& recipe);

  // In this order: each is used by those after it.
  Resident resident_;
  ModelSource source_;
  MappedLoader loader_;
  std::vector<executorch::runtime::Kernel> kernels_;
  BackendOptions backend_options_;
  std::unique_ptr<ExternalDataMap> external_;  // null: all weights are in the model's file
  std::unique_ptr<PackedWeights> packed_;  // null: no XNNPACK in the file, or it packs by itself
  std::optional<executorch::runtime::Program> program_;
  std::span<const uint8_t> program_bytes_;  // of `source_`
  MethodContext context_;
  std::set<std::string> methods_;
  TextMethods text_;
  RunnerMeta meta_;
  std::vector<size_t> arena_sizes_;
  AnonymousMemory activations_;
  kv::Descriptor kv_descriptor_;  // no planes if it is unknown
  size_t kv_arena_ = kKvArena;
  kernels::Execution execution_;
  std::unique_ptr<EmbeddingMethods> embeddings_;
};

}  // namespace etb::runner
