// What a model costs in memory before it is loaded. Pure arithmetic over figures of its file. Clean
// bytes (mapped, the system may drop and read them again) are kept apart from dirty ones.
//
//   memory of the process = what it used before the load + estimate(cost, tokens)
#pragma once

#include <cstdint>

namespace etb::memory {

struct ModelCost {
  uint64_t weight_bytes = 0;        // clean: everything of the file that use maps in
  uint64_t fixed_bytes = 0;         // dirty, with one conversation, whatever its length
  uint64_t session_bytes = 0;       // of fixed_bytes: what each further conversation costs again
  uint64_t kv_bytes_per_token = 0;  // dirty once written, all layers
  uint32_t kv_granularity = 1;      // positions that the KV memory grows by
  uint32_t kv_most_positions = 0;   // a sliding window holds no more; 0: as many as the context
};

struct Estimate {
  uint64_t clean_bytes = 0;
  uint64_t dirty_bytes = 0;
  uint64_t total_bytes() const;  // saturating
};

// One conversation of `tokens` positions. Saturating.
Estimate estimate(const ModelCost& cost, uint32_t tokens);
uint64_t kv_bytes(const ModelCost& cost, uint32_t tokens);
// The most positions whose KV takes no more than `bytes`, at most `most`.
uint32_t tokens_within(const ModelCost& cost, uint64_t bytes, uint32_t most);

// What is known of a model before it runs: from its file (model/pte_summary.h, model/manifest.h).
struct ModelFigures {
  uint64_t file_bytes = 0;        // all of it is mapped, and use reads nearly all of it
  uint64_t activation_bytes = 0;  // that `forward` plans (memory id 1); forward_all is not used
  uint64_t program_values = 0;    // of `forward`: the runtime's tables grow with them
  uint32_t vocab = 0;
  uint64_t kv_bytes_per_token = 0;  // all layers; 0: unknown or none
  uint32_t kv_row_bytes = 0;        // keys (or values) of one head at one position
  uint32_t window = 0;              // of sliding layers; 0: none
  uint32_t chunk = 0;               // most tokens of one forward
  uint64_t page_bytes = 4096;       // platform/anonymous_memory.h
};

// Fitted to processes that ran models of 7 to 50 layers with vocabularies of 5,000 to 128,256:
// within 2 % of their growth (cost_test.cpp). Models of a few MiB, where fixed parts weigh most:
// within 6 %.
ModelCost model_cost(const ModelFigures& figures);

}  // namespace etb::memory
