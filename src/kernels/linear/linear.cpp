#include "kernels/linear/linear.h"

#include "kernels/linear/block.h"
#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

// Tokens a thread takes at least when it normalises or quantises: less is not worth waking it.
constexpr size_t kTokenGrain = 8;

void quantise_token(const KernelTable& table, const Activations& input, size_t t) {
  table.quantise(input.plain + t * input.cols, input.blocks(), input.tile(t), input.tile_tokens(t),
                 t - Activations::tile_begin(t));
}

void add_normalised(const KernelTable& table, unsigned threads, const layout::Matrix& matrix,
                    const Activations& input, const Residual& to) {
  const size_t width = matrix.rows;
  parallel_for(threads, row_units(matrix), 1, [&](size_t begin, size_t end) {
    for_units(table, matrix, input, {begin, end},
              [&](const RowTile& tile) { store_tile(tile, to.product, width); });
  });
  parallel_for(threads, input.tokens, kTokenGrain, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      float* const row = to.product + t * width;
      table.rms_norm(row, to.post_norm, width, to.eps, row);
      table.add(to.x + t * width, row, width);
    }
  });
}

}  // namespace

void linear_tile(const KernelTable& table, const layout::Matrix& matrix, const Activations& input,
                 const TilePlace& place, float* out) {
  const size_t group_bytes = matrix.group_bytes();
  const uint8_t* const first = matrix.data + 2 * place.unit * group_bytes;
  const bool second =
      2 * place.unit + 1 < matrix.groups();  // else the last group stands in, unused
  LinearArgs args{};
  args.group[0] = first;
  args.group[1] = second ? first + group_bytes : first;
  args.blocks = input.blocks();
  args.quant = input.tile(place.token);
  args.plain = input.plain == nullptr ? nullptr : input.plain + place.token * input.cols;
  args.plain_stride = input.cols;
  args.out = out;
  const size_t tokens = input.tile_tokens(place.token);
  table.linear[static_cast<size_t>(matrix.format)][tokens - 1](args);
}

void add_product(const KernelTable& table, unsigned threads, const layout::Matrix& matrix,
                 const Activations& input, const Residual& to) {
  if (to.post_norm != nullptr) return add_normalised(table, threads, matrix, input, to);
  parallel_for(threads, row_units(matrix), 1, [&](size_t begin, size_t end) {
    for_units(table, matrix, input, {begin, end}, [&](const RowTile& tile) {
      for (size_t t = 0; t < tile.tokens; ++t) {
        table.add(to.x + (tile.token + t) * matrix.rows + tile.row, tile.of(t), tile.rows);
      }
    });
  });
}

InputForms input_forms(std::span<const layout::Matrix> matrices) {
  InputForms forms;
  for (const layout::Matrix& matrix : matrices) {
    (is_float(matrix.format) ? forms.plain : forms.quantised) = true;
  }
  return forms;
}

void quantise_all(const KernelTable& table, unsigned threads, const Activations& input) {
  parallel_for(threads, input.tokens, kTokenGrain, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) quantise_token(table, input, t);
  });
}

void normalise(const KernelTable& table, unsigned threads, const Norm& norm,
               const Activations& input, const InputForms& forms) {
  parallel_for(threads, input.tokens, kTokenGrain, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      float* const y = input.plain + t * input.cols;
      table.rms_norm(norm.x + t * input.cols, norm.weights, input.cols, norm.eps, y);
      if (forms.quantised) quantise_token(table, input, t);
    }
  });
}

}  // namespace etb::kernels
