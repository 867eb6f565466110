// etb::attention.out: x += post_norm(o(attention(q, k, v))) with q, k, v = projections of norm x;
// keys and values of this forward are written to the cache first, then all queries look at the
// cache. What only some families have (biases, norms, a cap) is none or 0 in the others.
#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/attention/attention.h"
#include "kernels/linear/linear.h"
#include "kernels/ops/ops.h"
#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

struct Weights {
  Norm norm;
  layout::Matrix qkv[3];
  layout::Matrix out;
  const float* post_norm;
};

void check_shapes(Args& args, const Weights& weights, const AttentionShape& shape, size_t width) {
  const size_t q_width = shape.heads * shape.head_dim;
  const size_t kv_width = shape.kv_heads * shape.head_dim;
  constexpr char kRows[] = "rows are not heads x head_dim";
  for (const layout::Matrix& matrix : weights.qkv) {
    args.expect(matrix.cols == width, "wq, wk, wv", "columns are not the width of x");
  }
  args.expect(weights.qkv[0].rows == q_width, "wq", kRows);
  args.expect(weights.qkv[1].rows == kv_width, "wk", kRows);
  args.expect(weights.qkv[2].rows == kv_width, "wv", kRows);
  args.expect(weights.out.cols == q_width, "wo", "columns are not heads x head_dim");
  args.expect(weights.out.rows == width, "wo", "rows are not the width of x");
}

AttentionShape read_shape(Args& args) {
  AttentionShape shape{};
  constexpr int64_t kMany = 1 << 16;
  shape.heads = static_cast<size_t>(args.integer(16, "heads", 1, kMany));
  shape.kv_heads = static_cast<size_t>(args.integer(17, "kv_heads", 1, kMany));
  shape.head_dim = static_cast<size_t>(args.integer(18, "head_dim", 16, kMaxHeadDim));
  shape.n_rot = static_cast<size_t>(args.integer(19, "n_rot", 2, kMaxHeadDim));
  shape.context = static_cast<size_t>(args.integer(20, "context", 1, INT32_MAX - 64));
  shape.window = static_cast<size_t>(args.integer(21, "window", 0, INT32_MAX));
  args.integer(22, "kv_type", 0, 0);
  args.expect(shape.heads % shape.kv_heads == 0, "heads", "not a multiple of kv_heads");
  args.expect(shape.head_dim % 16 == 0, "head_dim", "not a multiple of 16");
  args.expect(shape.n_rot % 2 == 0 && shape.n_rot <= shape.head_dim, "n_rot",
              "not an even number up to head_dim");
  return shape;
}

// The cache's memory, large enough for the shape.
uint8_t* read_cache(Args& args, const AttentionShape& shape) {
  const std::span<uint8_t> kv = args.bytes(14, "kv");
  if (!args.ok()) return nullptr;
  args.expect(kv.size() >= KvCache::bytes(shape), "kv", "too small for the context");
  args.expect(reinterpret_cast<uintptr_t>(kv.data()) % 2 == 0, "kv", "not aligned to its elements");
  return kv.data();
}

void read_weights(Args& args, size_t width, Weights& weights) {
  weights.norm = {nullptr, args.floats(3, "norm", width).data(), args.number(23, "eps")};
  weights.qkv[0] = args.blob(4, "wq");
  weights.qkv[1] = args.blob(5, "wk");
  weights.qkv[2] = args.blob(6, "wv");
  weights.out = args.blob(7, "wo");
  weights.post_norm = args.optional_floats(13, "post_norm", width);
}

void read_options(Args& args, AttentionCall& call) {
  const size_t q_width = call.shape.heads * call.shape.head_dim;
  const size_t kv_width = call.shape.kv_heads * call.shape.head_dim;
  call.biases[0] = args.optional_floats(8, "bq", q_width);
  call.biases[1] = args.optional_floats(9, "bk", kv_width);
  call.biases[2] = args.optional_floats(10, "bv", kv_width);
  call.q_norm = args.optional_floats(11, "q_norm", call.shape.head_dim);
  call.k_norm = args.optional_floats(12, "k_norm", call.shape.head_dim);
  call.eps = args.number(23, "eps");
  call.scale = args.number(24, "scale");
  call.softcap = args.softcap(25);
}

// q, k, v of all tokens into one row-major matrix, q first.
void project(const AttentionCall& call, const Weights& weights, const Activations& input) {
  size_t units = 0;
  for (const layout::Matrix& matrix : weights.qkv) units += row_units(matrix);
  const size_t q_width = call.shape.heads * call.shape.head_dim;
  const size_t starts[] = {0, q_width, q_width + call.shape.kv_heads * call.shape.head_dim};
  parallel_for(call.threads, units, 1, [&](size_t begin, size_t end) {
    for_units(*call.table, weights.qkv, input, {begin, end},
              [&](size_t which, const RowTile& tile) {
                store_tile(tile, call.qkv + starts[which], call.qkv_stride());
              });
  });
}

}  // namespace

void attention_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(), kAttentionName);
  Args args(kAttentionName, ctx, stack, 27);
  const Tensor* const x = args.f32(0, "x", 2);
  const Tensor* const rope = args.f32(1, "rope table", 2);
  const int64_t position = args.position(2, "input_pos");
  AttentionCall call{};
  call.shape = read_shape(args);
  call.tokens = dim(x, 0);
  const size_t width = dim(x, 1);
  Weights weights{};
  read_weights(args, width, weights);
  check_shapes(args, weights, call.shape, width);
  read_options(args, call);
  args.expect(dim(rope, 0) == call.tokens && dim(rope, 1) == call.shape.n_rot, "rope table",
              "not [tokens, n_rot]");
  const auto context = static_cast<int64_t>(call.shape.context);
  args.expect(position >= 0 && call.tokens <= call.shape.context &&
                  position <= context - static_cast<int64_t>(call.tokens),
              "input_pos", "the tokens end beyond the context");
  uint8_t* const kv = read_cache(args, call.shape);
  const layout::AttentionScratch sizes{call.tokens, width, call.shape.heads, call.shape.kv_heads,
                                       call.shape.head_dim};
  uint8_t* const scratch = args.scratch(15, layout::attention_scratch_bytes(sizes));
  float* const stream = args.in_place(26, x);
  if (!args.ok()) return;

  weights.norm.x = stream;
  call.table = &args.table();
  call.threads = args.threads();
  call.position = static_cast<size_t>(position);
  call.rope = rope->const_data_ptr<float>();
  call.cache = KvCache(kv, call.shape);
  Carver carver(scratch);
  const Activations input = carver.activations(call.tokens, width);
  call.qkv = carver.take<float>(call.tokens * call.qkv_stride());
  const Activations looked =
      carver.activations(call.tokens, call.shape.heads * call.shape.head_dim);
  call.out = looked.plain;

  normalise(*call.table, call.threads, weights.norm, input, input_forms(weights.qkv));
  project(call, weights, input);
  store_positions(call);
  attend_all(call);
  if (input_forms({&weights.out, 1}).quantised) quantise_all(*call.table, call.threads, looked);
  add_product(*call.table, call.threads, weights.out, looked,
              {stream, weights.post_norm, call.eps, input.plain});
}

}  // namespace etb::kernels
