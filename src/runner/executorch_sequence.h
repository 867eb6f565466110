// Sequence on the real runtime: its methods over its own KV memory and the runner's activations.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kv/kv_memory.h"
#include "runner/executorch_runner.h"
#include "runner/loaded_method.h"
#include "runner/sequence.h"

namespace etb::runner {

class ExecutorchSequence final : public Sequence {
 public:
  // Loads `forward`: a file that needs what this build lacks fails here, by name.
  static Result<std::unique_ptr<ExecutorchSequence>> create(
      std::shared_ptr<ExecutorchRunner> runner);

  Result<std::span<const float>> forward(std::span<const TokenId> ids,
                                         const CancelToken* cancel) override;
  Status forward_all(std::span<const TokenId> ids, const CancelToken* cancel,
                     const LogitsVisitor& visit) override;
  uint32_t position() const override { return static_cast<uint32_t>(ids_.size()); }
  uint32_t capacity() const override { return runner_->meta().context; }
  uint32_t rewind_floor() const override { return memory_.rewind_floor(); }
  std::span<const TokenId> ids() const override { return ids_; }
  Status rewind(uint32_t position) override;
  Result<kv::Rows> copy_rows(uint32_t from, uint32_t to) const override;
  Status append_rows(const kv::RowsView& rows) override;
  Status append_from(const Sequence& other, uint32_t to) override;
  KvUsage kv_usage() const override;

  // Loads forward_all if that has not happened yet.
  Result<LoadedMethod*> all_positions();
  const kv::KvMemory& memory() const { return memory_; }

 private:
  ExecutorchSequence(std::shared_ptr<ExecutorchRunner> runner, kv::KvMemory memory);
  Status lay_out_memory();
  Status check(std::span<const TokenId> ids) const;
  Status check_known(std::span<const TokenId> ids) const;
  Status check_reachable() const;
  // Runs one chunk; on success the position has moved and the logits are returned: `rows` of them.
  Result<std::span<const float>> run(LoadedMethod& method, std::span<const TokenId> ids,
                                     const CancelToken* cancel, size_t rows);
  Status set_inputs(LoadedMethod& method, size_t count);
  Result<std::span<const float>> output(LoadedMethod& method, size_t rows);

  std::shared_ptr<ExecutorchRunner> runner_;
  kv::KvMemory memory_;
  std::vector<AnonymousMemory> others_;  // memory ids from 3 on, private
  std::vector<std::span<uint8_t>> arenas_;
  std::unique_ptr<LoadedMethod> forward_;
  std::unique_ptr<LoadedMethod> forward_all_;
  std::vector<int64_t> tokens_;  // input 0: shared with the runtime while it executes
  int64_t input_pos_ = 0;        // input 1
  std::vector<TokenId> ids_;     // fed so far; as many as the position
};

}  // namespace etb::runner
