// etb::mlp.out: x += post_norm(down(act(gate(norm x)) * up(norm x))). gate and up are walked
// together, 32 rows of each, so that a finished block of the hidden layer is quantised while it is
// in registers' reach.
#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/linear/linear.h"
#include "kernels/ops/ops.h"
#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

struct MlpCall {
  const KernelTable* table;
  unsigned threads;
  Norm norm;
  void (*gate_mul)(float* g, const float* u, size_t count);
  layout::Matrix gate;
  layout::Matrix up;
  layout::Matrix down;
  InputForms hidden_forms;
  Activations input;
  Activations hidden;
};

// 32 rows of one matrix against one token tile, into out[tokens][32].
void half_tiles(const MlpCall& call, const layout::Matrix& matrix, size_t block, size_t token,
                float* out) {
  alignas(64) float tile[kTokenTile * kRowTile];
  const size_t tokens = call.input.tile_tokens(token);
  for (size_t half = 0; half < 2; ++half) {
    linear_tile(*call.table, matrix, call.input, {2 * block + half, token}, tile);
    for (size_t t = 0; t < tokens; ++t) {
      std::copy_n(tile + t * kRowTile, kRowTile, out + t * kActBlock + half * kRowTile);
    }
  }
}

void hidden_block(const MlpCall& call, size_t block, size_t token) {
  alignas(64) float gate[kTokenTile * kActBlock];
  alignas(64) float up[kTokenTile * kActBlock];
  half_tiles(call, call.gate, block, token, gate);
  half_tiles(call, call.up, block, token, up);
  const size_t tokens = call.input.tile_tokens(token);
  call.gate_mul(gate, up, tokens * kActBlock);
  for (size_t t = 0; t < tokens; ++t) {
    const float* const values = gate + t * kActBlock;
    if (call.hidden_forms.quantised) {
      call.table->quantise(values, 1, call.hidden.block(token, block), tokens, t);
    }
    if (call.hidden_forms.plain) {
      float* const row = call.hidden.plain + (token + t) * call.hidden.cols;
      std::copy_n(values, kActBlock, row + block * kActBlock);
    }
  }
}

void hidden_layer(const MlpCall& call) {
  const size_t step = std::max<size_t>(1, units_in_cache(call.gate, call.input.tokens) / 4);
  parallel_for(call.threads, call.hidden.blocks(), 1, [&](size_t begin, size_t end) {
    for (size_t first = begin; first < end; first += step) {
      for (size_t token = 0; token < call.input.tokens; token += kTokenTile) {
        for (size_t block = first; block < std::min(end, first + step); ++block) {
          hidden_block(call, block, token);
        }
      }
    }
  });
}

void check_shapes(Args& args, const MlpCall& call, size_t width) {
  args.expect(call.gate.cols == width, "w_gate", "columns are not the width of x");
  args.expect(call.up.cols == width, "w_up", "columns are not the width of x");
  args.expect(call.up.rows == call.gate.rows, "w_up", "not as many rows as w_gate");
  args.expect(call.down.cols == call.gate.rows, "w_down", "columns are not the rows of w_gate");
  args.expect(call.down.rows == width, "w_down", "rows are not the width of x");
}

}  // namespace

void mlp_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(), kMlpName);
  Args args(kMlpName, ctx, stack, 10);
  const Tensor* const x = args.f32(0, "x", 2);
  const size_t width = dim(x, 1);
  const std::span<const float> norm = args.floats(1, "norm", width);
  MlpCall call{};
  call.gate = args.blob(2, "w_gate");
  call.up = args.blob(3, "w_up");
  call.down = args.blob(4, "w_down");
  check_shapes(args, call, width);
  const size_t tokens = dim(x, 0);
  const float* const post_norm = args.optional_floats(5, "post_norm", width);
  uint8_t* const scratch =
      args.scratch(6, layout::mlp_scratch_bytes(tokens, width, call.gate.rows));
  const bool gelu = args.integer(7, "activation", 0, 1) == 1;
  const float eps = args.number(8, "eps");
  float* const stream = args.in_place(9, x);
  call.norm = {stream, norm.data(), eps};
  if (!args.ok()) return;

  call.table = &args.table();
  call.threads = args.threads();
  call.gate_mul = gelu ? call.table->gelu_mul : call.table->silu_mul;
  call.hidden_forms = input_forms({&call.down, 1});
  Carver carver(scratch);
  call.input = carver.activations(tokens, width);
  call.hidden = carver.activations(tokens, call.gate.rows);
  const layout::Matrix first[] = {call.gate, call.up};
  normalise(*call.table, call.threads, call.norm, call.input, input_forms(first));
  hidden_layer(call);
  add_product(*call.table, call.threads, call.down, call.hidden,
              {stream, post_norm, eps, call.input.plain});
}

}  // namespace etb::kernels
