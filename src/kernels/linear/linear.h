// Matrix products over checked matrices: the walk over row and token tiles that every operator
// shares. A unit is 16 rows; units of one product are independent, so any thread takes any.
#pragma once

#include <algorithm>
#include <span>

#include "kernels/paths/table.h"

namespace etb::kernels {

// What a sink gets: values[t][i] of rows row + i (i < rows) and tokens token + t (t < tokens).
struct RowTile {
  const float* values;
  size_t row;
  size_t rows;
  size_t token;
  size_t tokens;
  const float* of(size_t t) const { return values + t * kRowTile; }
};

inline size_t row_units(const layout::Matrix& matrix) {
  return (matrix.groups() + 1) / 2;
}

// Units whose weights stay in the second-level cache while all token tiles pass over them. A single
// tile's weights are read once anyway: one unit at a time.
inline size_t units_in_cache(const layout::Matrix& matrix, size_t tokens) {
  constexpr size_t kCacheBytes = 192 * 1024;
  if (tokens <= kTokenTile) return 1;
  return std::max<size_t>(1, kCacheBytes / (2 * matrix.group_bytes()));
}

struct TilePlace {
  size_t unit;
  size_t token;  // a multiple of kTokenTile
};
// One unit of `matrix` against one token tile, into out[tokens][kRowTile].
void linear_tile(const KernelTable& table, const layout::Matrix& matrix, const Activations& input,
                 const TilePlace& place, float* out);

struct UnitRange {
  size_t begin;
  size_t end;
};

// The range's units against all tokens; `sink(RowTile)` for each tile.
template <class Sink>
void for_units(const KernelTable& table, const layout::Matrix& matrix, const Activations& input,
               const UnitRange& range, const Sink& sink) {
  alignas(64) float values[kTokenTile * kRowTile];
  const size_t step = units_in_cache(matrix, input.tokens);
  for (size_t first = range.begin; first < range.end; first += step) {
    const size_t last = std::min(range.end, first + step);
    for (size_t token = 0; token < input.tokens; token += kTokenTile) {
      for (size_t unit = first; unit < last; ++unit) {
        linear_tile(table, matrix, input, {unit, token}, values);
        const size_t row = unit * kRowTile;
        sink(RowTile{values, row, std::min(kRowTile, matrix.rows - row), token,
                     input.tile_tokens(token)});
      }
    }
  }
}

// The same over several matrices that share their input, walked as if they were one: `sink(which,
// RowTile)`. Units are counted through.
template <class Sink>
void for_units(const KernelTable& table, std::span<const layout::Matrix> matrices,
               const Activations& input, const UnitRange& range, const Sink& sink) {
  size_t before = 0;
  for (size_t which = 0; which < matrices.size(); ++which) {
    const size_t units = row_units(matrices[which]);
    const size_t from = std::max(range.begin, before);
    const size_t to = std::min(range.end, before + units);
    if (from < to) {
      for_units(table, matrices[which], input, {from - before, to - before},
                [&](const RowTile& tile) { sink(which, tile); });
    }
    before += units;
  }
}

// Puts a tile into a row-major [tokens][stride] matrix.
inline void store_tile(const RowTile& tile, float* out, size_t stride) {
  for (size_t t = 0; t < tile.tokens; ++t) {
    std::copy_n(tile.of(t), tile.rows, out + (tile.token + t) * stride + tile.row);
  }
}

// Where a product goes that is added to the residual stream.
struct Residual {
  float* x;                // [tokens][matrix.rows]
  const float* post_norm;  // [matrix.rows]: what is added is normalised first; null: as it is
  float eps;
  float* product;  // as large as x, to work in; only with post_norm
};
// x += product, or x += RMSNorm(product).
void add_product(const KernelTable& table, unsigned threads, const layout::Matrix& matrix,
                 const Activations& input, const Residual& to);

// Which forms of its input a product needs.
struct InputForms {
  bool quantised = false;
  bool plain = false;
};
InputForms input_forms(std::span<const layout::Matrix> matrices);

// Quantises `input.plain` in place of the caller, tokens shared out over threads.
void quantise_all(const KernelTable& table, unsigned threads, const Activations& input);

struct Norm {
  const float* x;  // [tokens][cols]
  const float* weights;
  float eps;
};
// RMSNorm into `input`, in the forms wanted.
void normalise(const KernelTable& table, unsigned threads, const Norm& norm,
               const Activations& input, const InputForms& forms);

}  // namespace etb::kernels
