#include "memory/cost.h"

#include <algorithm>

#include "memory/show.h"

namespace etb::memory {
namespace {

// Pages of our own code and the runtime's that a first generation maps in.
constexpr uint64_t kCodeBytes = 2560 * 1024;
// Of tokenizer, template, runtime and session: small things that every model has.
constexpr uint64_t kBaseBytes = 64 * 1024;
// A value of the program in the runtime's tables: of the method tried at load, the one in use and
// the program's summary; then of one more method.
constexpr uint64_t kBytesPerValue = 1024;
constexpr uint64_t kSessionBytesPerValue = 320;
// A candidate of the sampler: id and logit.
constexpr uint64_t kBytesPerToken = 8;
// Positions that a tile of keys holds (docs/design/data-path.md).
constexpr uint32_t kTilePositions = 16;

uint32_t cut(uint64_t positions) {
  return static_cast<uint32_t>(std::min<uint64_t>(positions, UINT32_MAX));
}

}  // namespace

uint64_t Estimate::total_bytes() const {
  return add_saturating(clean_bytes, dirty_bytes);
}

uint64_t kv_bytes(const ModelCost& cost, uint32_t tokens) {
  const uint64_t grain = std::max(cost.kv_granularity, 1U);
  const auto held = [grain](uint64_t positions) { return (positions + grain - 1) / grain * grain; };
  return add_saturating(multiply_saturating(held(tokens), cost.kv_bytes_per_token),
                        multiply_saturating(held(std::min(tokens, cost.window_positions)),
                                            cost.window_bytes_per_token));
}

uint64_t kv_growth(const ModelCost& cost, uint32_t from, uint32_t to) {
  const uint64_t then = kv_bytes(cost, to);
  return then == UINT64_MAX ? then : less(then, kv_bytes(cost, from));
}

Estimate estimate(const ModelCost& cost, uint32_t tokens) {
  return {cost.weight_bytes, add_saturating(cost.fixed_bytes, kv_bytes(cost, tokens))};
}

uint32_t tokens_within(const ModelCost& cost, uint64_t bytes, uint32_t most) {
  if (kv_bytes(cost, most) <= bytes) return most;
  const uint64_t grain = std::max(cost.kv_granularity, 1U);
  uint64_t fits = 0;  // grains; more positions never take less
  uint64_t beyond = (most + grain - 1) / grain;
  while (beyond - fits > 1) {
    const uint64_t middle = fits + (beyond - fits) / 2;
    (kv_bytes(cost, cut(middle * grain)) <= bytes ? fits : beyond) = middle;
  }
  return cut(fits * grain);
}

ModelCost model_cost(const ModelFigures& figures) {
  ModelCost cost;
  const uint64_t tables = multiply_saturating(figures.program_values, kBytesPerValue);
  cost.weight_bytes = add_saturating(figures.file_bytes, kCodeBytes);
  cost.fixed_bytes =
      add_saturating(figures.activation_bytes,
                     add_saturating(tables, kBaseBytes + figures.vocab * kBytesPerToken));
  cost.session_bytes = multiply_saturating(figures.program_values, kSessionBytesPerValue);
  cost.kv_bytes_per_token = figures.kv_bytes_per_token;
  // Each head's keys and values lie in pages of their own.
  const uint64_t row = figures.kv_row_bytes;
  const uint64_t page_positions = row == 0 ? 1 : add_saturating(figures.page_bytes, row - 1) / row;
  cost.kv_granularity = std::max(cut(page_positions), kTilePositions);
  cost.window_bytes_per_token = figures.window_bytes_per_token;
  cost.window_positions = cut(figures.window_positions);
  return cost;
}

}  // namespace etb::memory
