// etb::embed.out: rows of the packed table, gathered out of the interleaved row groups, so that a
// tied embedding and head exist once.
#include <atomic>

#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/linear/block.h"
#include "kernels/ops/ops.h"
#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

template <WeightFormat F>
void gather_block(const uint8_t* block, size_t row, float scale, float* out) {
  if constexpr (F >= WeightFormat::F32) {
    for (size_t k = 0; k < kActBlock; ++k) out[k] = float_weight<F>(block, row, k) * scale;
  } else {
    const float d[] = {Block<F>::d(block, row, 0), Block<F>::d(block, row, 16)};
    const float m = Block<F>::m(block, row);
    for (size_t k = 0; k < kActBlock; ++k) {
      const float dq = d[k / 16] * static_cast<float>(Block<F>::q(block, row, k));
      out[k] = (Block<F>::kAffine ? dq + m : dq) * scale;
    }
  }
}

template <WeightFormat F>
void gather_row(const layout::Matrix& table, size_t row, float scale, float* out) {
  const uint8_t* block = table.data + row / layout::kRowGroup * table.group_bytes();
  for (size_t col = 0; col < table.cols; col += kActBlock, block += layout::block_bytes(F)) {
    gather_block<F>(block, row % layout::kRowGroup, scale, out + col);
  }
}

void gather(const layout::Matrix& table, size_t row, float scale, float* out) {
  switch (table.format) {
    case WeightFormat::W4S:
      return gather_row<WeightFormat::W4S>(table, row, scale, out);
    case WeightFormat::W4A:
      return gather_row<WeightFormat::W4A>(table, row, scale, out);
    case WeightFormat::W8S:
      return gather_row<WeightFormat::W8S>(table, row, scale, out);
    case WeightFormat::W8G16:
      return gather_row<WeightFormat::W8G16>(table, row, scale, out);
    case WeightFormat::W8A:
      return gather_row<WeightFormat::W8A>(table, row, scale, out);
    case WeightFormat::F32:
      return gather_row<WeightFormat::F32>(table, row, scale, out);
    case WeightFormat::F16:
      return gather_row<WeightFormat::F16>(table, row, scale, out);
    case WeightFormat::BF16:
      return gather_row<WeightFormat::BF16>(table, row, scale, out);
  }
}

}  // namespace

void embed_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(), kEmbedName);
  Args args(kEmbedName, ctx, stack, 4);
  const Tensor* const tokens = args.i64(0, "tokens", 2);
  args.expect(dim(tokens, 0) == 1 || !args.ok(), "tokens", "more than one batch");
  const layout::Matrix table = args.blob(1, "table");
  const float scale = args.number(2, "scale");
  if (!args.ok()) return;
  const size_t count = dim(tokens, 1);
  if (table.cols > INT32_MAX) return void(args.fail("table", "rows too long"));
  const int32_t sizes[] = {static_cast<int32_t>(count), static_cast<int32_t>(table.cols)};
  float* const x = args.out(3, sizes);
  if (!args.ok()) return;

  const int64_t* const ids = tokens->const_data_ptr<int64_t>();
  std::atomic<bool> in_vocabulary{true};
  parallel_for(args.threads(), count, 8, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      const int64_t id = ids[t];
      if (id < 0 || static_cast<uint64_t>(id) >= table.rows) {
        in_vocabulary = false;
        continue;
      }
      gather(table, static_cast<size_t>(id), scale, x + t * table.cols);
    }
  });
  args.expect(in_vocabulary, "tokens", "an id outside the vocabulary");
}

}  // namespace etb::kernels
