// LoadedModel: a model file opened, checked and running - runner, tokenizer, chat template, stop
// ids. It is what a RunnerHolder holds for an engine; `bench` and `perplexity` use one directly.
// Made, used and destroyed on one thread; its ModelInfo is immutable and anybody's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "base/token_id.h"
#include "engine/draft_policy.h"
#include "engine/memory_plan.h"
#include "engine/model_bundle.h"
#include "engine/sequence_pool.h"
#include "holder/runner_holder.h"
#include "runner/text_runner.h"

namespace etb {

struct ModelOptions {
  std::string model;             // a .gguf (imported once into the cache) or a .pte
  uint32_t context = 0;          // positions; 0 = what the file says and this device has memory for
  unsigned threads = 0;          // 0 = the machine's performance cores
  std::string kernel_path = {};  // empty: the best this machine has; else "scalar", "avx2", ...
  std::string tokenizer = {};    // of a stock .pte: a file or folder; empty: beside the model
  // .ptd files with weights of a stock .pte; empty: the one beside it of the same stem, if any.
  std::vector<std::string> data = {};
  std::string chat_template = {};  // instead of the model's own, see BundlePaths
  bool ids_only = false;           // what has no tokenizer runs all the same, on ids
  MemoryOptions memory = {};       // not part of the key
  // For what a stock .pte is delegated to: {"XnnpackBackend", "workspace_sharing_mode", "1"}.
  std::vector<runner::BackendOption> backend_options = {};
};

// Options that give the same LoadedModel have the same key.
std::string model_key(const ModelOptions& options);

struct ModelInfo {
  ModelBundle bundle;
  runner::RunnerMeta meta;
  // Every id that ends an answer, whoever names it (chat_setup.h); sorted.
  std::vector<TokenId> stop_ids;
  double load_ms = 0;
  MemoryPlan memory;  // as it was decided before the load; without figures for a scripted model

  const token::Tokenizer& tokenizer() const { return *bundle.tokenizer; }
  bool stops_at(TokenId id) const;
};

class LoadedModel final : public holder::Resident {
 public:
  // NotFound, Corrupt, Unsupported (missing operator or architecture, named), OutOfMemory,
  // Cancelled.
  static Result<std::unique_ptr<LoadedModel>> load(const ModelOptions& options,
                                                   const LoadProgress& progress,
                                                   const CancelToken* cancel);
  // From parts made elsewhere: a scripted runner in tests, above all.
  static std::unique_ptr<LoadedModel> from_parts(ModelBundle bundle,
                                                 std::shared_ptr<runner::TextRunner> runner);
  ~LoadedModel() override;

  runner::TextRunner& runner() override { return *runner_; }
  std::shared_ptr<const void> public_part() const override { return info_; }
  const std::shared_ptr<const ModelInfo>& info() const { return info_; }
  const token::Tokenizer& tokenizer() const { return info_->tokenizer(); }
  void before_unload() override;

  // The conversations that have keys and values in memory. Precondition: open_pool() was called.
  SequencePool& pool() { return *pool_; }
  void open_pool(const PoolOptions& options, const Clock& clock);
  PassCosts& pass_costs() { return pass_costs_; }

 private:
  LoadedModel() = default;

  std::shared_ptr<const ModelInfo> info_;
  std::shared_ptr<runner::TextRunner> runner_;
  std::unique_ptr<SequencePool> pool_;  // after runner_: goes first
  PassCosts pass_costs_;
};

}  // namespace etb
