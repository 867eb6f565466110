// The one list of kernel functions. Every path fills a KernelTable; operators, tests and benches
// take what they run from here, so a listed kernel is a tested kernel. Functions here are pure
// arithmetic on checked memory: no threads, no allocation, no failure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/activations.h"
#include "kernels/execution.h"
#include "layout/layout.h"

namespace etb::kernels {

inline constexpr std::array kAllPaths{Path::Scalar, Path::Avx2, Path::Avx512Vnni,
                                      Path::NeonDotprod};

// Rows a linear kernel makes at once: two row groups, side by side in 16 virtual lanes.
inline constexpr size_t kRowTile = 16;
inline constexpr size_t kFormats = 9;  // indexed by WeightFormat; 0 is empty
inline constexpr size_t kAttendRows = 8;
inline constexpr size_t kMaxHeadDim = 512;
inline constexpr size_t kKeyTile = 16;   // keys of a K tile
inline constexpr size_t kKeyBlock = 64;  // keys of an online-softmax step

// Two row groups (the second may repeat the first) against one token tile.
struct LinearArgs {
  const uint8_t* group[2];
  size_t blocks;
  const uint8_t* quant;  // the tile, for quantised formats
  const float* plain;    // the tile's first token, for float formats
  size_t plain_stride;   // floats between tokens
  float* out;            // [tokens][kRowTile]
};
using LinearFn = void (*)(const LinearArgs&);

// `count` (1..kAttendRows) query rows that share one kv head and stand in position order.
struct AttendArgs {
  const uint16_t* keys;    // f16 [context / 16][head_dim][16]
  const uint16_t* values;  // f16 [context][head_dim]
  size_t head_dim;
  size_t count;
  float scale;
  float softcap;                    // of a score, before the softmax; 0: none
  const float* query[kAttendRows];  // [head_dim], rotated
  size_t first[kAttendRows];        // keys [first, end) are seen; first < end
  size_t end[kAttendRows];
  float* out[kAttendRows];  // [head_dim]
};

// `count` (up to kKeyBlock) rows of a stock model's cache against 1..kAttendRows queries.
struct SdpaRows {
  const float* rows;  // of keys or of values
  size_t stride;      // floats from one to the next
  size_t count;
  size_t dim;  // up to kMaxHeadDim
  size_t queries;
  const float* query;  // [queries][kMaxHeadDim]
  float* weights;      // [queries][kKeyBlock]
  float* sums;         // [queries][kMaxHeadDim]
};
// What a query's softmax has come to.
struct SdpaSoftmax {
  float max;     // of the scores so far; -infinity: it has seen none
  float sum;     // of the weights so far
  float shrink;  // what sums made before the last step are multiplied by
};

struct KernelTable {
  Path path;
  // [format][tokens - 1]
  std::array<std::array<LinearFn, kTokenTile>, kFormats> linear;
  // y = RMSNorm(x) * w over `count` values.
  void (*rms_norm)(const float* x, const float* w, size_t count, float eps, float* y);
  // `blocks` blocks of 32 values into token t of a tile of `tokens`, from its block `block` on.
  void (*quantise)(const float* y, size_t blocks, uint8_t* block, size_t tokens, size_t t);
  // x += y
  void (*add)(float* x, const float* y, size_t count);
  // g = silu(g) * u
  void (*silu_mul)(float* g, const float* u, size_t count);
  // g = gelu(g) * u, GELU in its tanh form
  void (*gelu_mul)(float* g, const float* u, size_t count);
  // x = tanh(x / cap) * cap, `count` a multiple of 16
  void (*softcap)(float* x, size_t count, float cap);
  // Turns pairs (i, i + half) by the table's cos[half], sin[half].
  void (*rotate)(float* head, const float* table, size_t half);
  // f16 of `count` floats, one every `stride` halves.
  void (*store_f16)(const float* x, size_t count, uint16_t* out, size_t stride);
  void (*attend)(const AttendArgs& args);
  // weights = query x row
  void (*sdpa_scores)(const SdpaRows& args);
  // kKeyBlock scores to weights; -infinity to 0.
  void (*sdpa_weights)(float* scores, SdpaSoftmax& state);
  // sums += weight * row; a row of weight 0 is not looked at.
  void (*sdpa_values)(const SdpaRows& args);
};

// Null if this build or this CPU lacks the path.
const KernelTable* table_for(Path path);

// Each path's own; null in a build for another machine. Does not ask the CPU.
const KernelTable* scalar_table();
const KernelTable* avx2_table();
const KernelTable* avx512_table();
const KernelTable* neon_table();

}  // namespace etb::kernels
