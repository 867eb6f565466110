// etb::head.out: norm and logits, of the last position or of all, capped softly where the model
// wants it.
#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/linear/linear.h"
#include "kernels/ops/ops.h"
#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

float* logits_out(Args& args, bool last_only, size_t tokens, size_t vocab) {
  if (tokens > INT32_MAX || vocab > INT32_MAX) {
    args.fail("w", "too many rows");
    return nullptr;
  }
  const auto rows = static_cast<int32_t>(tokens);
  const auto cols = static_cast<int32_t>(vocab);
  if (last_only) return args.out(7, std::array{1, cols});
  return args.out(7, std::array{1, rows, cols});
}

}  // namespace

void head_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(), kHeadName);
  Args args(kHeadName, ctx, stack, 8);
  const Tensor* const x = args.f32(0, "x", 2);
  const size_t width = dim(x, 1);
  const std::span<const float> norm = args.floats(1, "norm", width);
  const layout::Matrix w = args.blob(2, "w");
  args.expect(w.cols == width, "w", "columns are not the width of x");
  const bool last_only = args.integer(4, "last_only", 0, 1) == 1;
  const float eps = args.number(5, "eps");
  const float cap = args.softcap(6);
  const size_t tokens = last_only ? 1 : dim(x, 0);
  uint8_t* const scratch = args.scratch(3, layout::head_scratch_bytes(tokens, width));
  if (!args.ok()) return;
  float* const logits = logits_out(args, last_only, tokens, w.rows);
  if (!args.ok()) return;

  const KernelTable& table = args.table();
  const float* const from = x->const_data_ptr<float>() + (dim(x, 0) - tokens) * width;
  const Activations input = Carver(scratch).activations(tokens, width);
  normalise(table, args.threads(), {from, norm.data(), eps}, input, input_forms({&w, 1}));
  parallel_for(args.threads(), row_units(w), 1, [&](size_t begin, size_t end) {
    for_units(table, w, input, {begin, end}, [&](const RowTile& tile) {
      if (cap == 0.0f) return store_tile(tile, logits, w.rows);
      alignas(64) float capped[kTokenTile * kRowTile];
      std::copy_n(tile.values, tile.tokens * kRowTile, capped);
      table.softcap(capped, tile.tokens * kRowTile, cap);
      RowTile after = tile;
      after.values = capped;
      store_tile(after, logits, w.rows);
    });
  });
}

}  // namespace etb::kernels
