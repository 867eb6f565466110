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
  Result<std::span<const float>> forward_embeddings(std::span<const TokenId> ids,
                                                    std::span<const uint8_t> rows,
                                                    const CancelToken* cancel) override;
  Status forward_all(std::span<const TokenId> ids, const CancelToken* cancel,
                     const LogitsVisitor& visit) override;
  uint32_t position() const override { return static_cast<uint32_t>(ids_.size()); }
  uint32_t capacity() const override { return runner_->meta().context; }
  uint32_t rewind_floor() const override;
  std::span<const TokenId> ids() const override { return ids_; }
  Status rewind(uint32_t position) override;
  Result<kv::Rows> copy_rows(uint32_t from, uint32_t to) const override;
  Status append_rows(const kv::RowsView& rows) override;
  Status append_from(const Sequence& other, uint32_t to) override;
  KvUsage kv_usage() const override;

  const kv::KvMemory& memory() const { return memory_; }

 private:
  struct OpenMethod {
    const MethodContract* contract = nullptr;  // of the runner
    std::unique_ptr<LoadedMethod> loaded;
  };

  // Positions to run: of tokens, or with `rows` an embedding each.
  struct Chunk {
    std::span<const TokenId> ids;
    std::span<const uint8_t> rows;
  };

  ExecutorchSequence(std::shared_ptr<ExecutorchRunner> runner, kv::KvMemory memory);
  Status lay_out_memory();
  Status check_room(std::span<const TokenId> ids) const;
  Status check_rows(std::span<const TokenId> ids, std::span<const uint8_t> rows) const;
  Status check_reachable() const;
  Status open(const MethodContract& contract, OpenMethod& out);
  // Forgets everything: the rows or, where their form is unknown, all memory, as a new sequence has
  // it.
  Status forget();
  Status load_anew();
  // Loads forward_all if that has not happened yet.
  Result<OpenMethod*> all_positions();
  // Runs one chunk; on success the position has moved and the logits are returned: of each token,
  // or of the last, as the method has them.
  Result<std::span<const float>> run(const OpenMethod& method, const Chunk& chunk,
                                     const CancelToken* cancel);
  Result<std::span<const float>> feed(const Chunk& all, const CancelToken* cancel);
  Status set_inputs(const OpenMethod& method, std::span<const uint8_t> rows, size_t count);
  Result<std::span<const float>> output(const OpenMethod& method, size_t rows);

  std::shared_ptr<ExecutorchRunner> runner_;
  kv::KvMemory memory_;
  std::vector<AnonymousMemory> others_;  // memory ids from 3 on, private
  std::vector<std::span<uint8_t>> arenas_;
  OpenMethod many_;
  OpenMethod single_;               // without contract unless the file has one
  OpenMethod all_rows_;             // loaded when it is first asked for
  std::vector<int64_t> tokens_;     // input 0: shared with the runtime while it executes
  std::vector<int64_t> positions_;  // input 1
  std::vector<float> logits_;       // of a method that gives them in half precision
  std::vector<TokenId> ids_;        // fed so far; as many as the position
  bool has_run_ = false;            // since all was forgotten
  Status lost_;                     // why it could not be: nothing can run
};

}  // namespace etb::runner
