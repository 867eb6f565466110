// What a model costs in memory before it is loaded. Pure arithmetic over figures of its file. Clean
// bytes (mapped, the system may drop and read them again) are kept apart from dirty ones.
//
//   memory of the process = what it used before the load + estimate(cost, tokens)
#pragma once

#include <cstdint>

namespace etb::memory {

struct ModelCost {
  uint64_t weight_bytes = 0;   // clean: everything of the file that use maps in
  uint64_t fixed_bytes = 0;    // dirty, with one conversation, whatever its length
  uint64_t session_bytes = 0;  // of fixed_bytes: what each further conversation costs again
  // Dirty once written; of layers that keep every position.
  uint64_t kv_bytes_per_token = 0;
  // The same of layers with a sliding window, which hold `window_positions` at most.
  uint64_t window_bytes_per_token = 0;
  uint32_t window_positions = 0;
  uint32_t kv_granularity = 1;  // positions that the KV memory grows by
};

struct Estimate {
  uint64_t clean_bytes = 0;
  uint64_t dirty_bytes = 0;
  uint64_t total_bytes() const;  // saturating
};

// One conversation of `tokens` positions. Saturating.
Estimate estimate(const ModelCost& cost, uint32_t tokens);
uint64_t kv_bytes(const ModelCost& cost, uint32_t tokens);
// What a conversation takes more at `to` positions than at `from`, which is not above it.
uint64_t kv_growth(const ModelCost& cost, uint32_t from, uint32_t to);
// The most positions whose KV takes no more than `bytes`, at most `most`.
uint32_t tokens_within(const ModelCost& cost, uint64_t bytes, uint32_t most);

// What is known of a model before it runs: from its file (model/pte_summary.h, model/manifest.h).
struct ModelFigures {
  uint64_t file_bytes = 0;        // all of it is mapped, and use reads nearly all of it
  uint64_t activation_bytes = 0;  // that `forward` plans (memory id 1); forward_all is not used
  uint64_t program_values = 0;    // of `forward`: the runtime's tables grow with them
  uint32_t vocab = 0;
  uint64_t kv_bytes_per_token = 0;      // layers without a window; 0: unknown or none
  uint32_t kv_row_bytes = 0;            // keys (or values) of one head at one position
  uint64_t window_bytes_per_token = 0;  // layers with one
  uint64_t window_positions = 0;        // that those hold at most (kv/kv_memory.h)
  uint64_t page_bytes = 4096;           // platform/anonymous_memory.h
};

// Fitted to processes that ran models of 7 to 50 layers with vocabularies of 5,000 to 262,144:
// within 2 % of their growth (cost_test.cpp). Models of a few MiB, where fixed parts weigh most:
// within 6 %.
ModelCost model_cost(const ModelFigures& figures);

}  // namespace etb::memory
