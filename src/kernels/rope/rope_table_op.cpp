// etb::rope_table.out: cos and sin of every position of this forward, once for all layers. Angles
// and functions in double, so that long contexts keep their precision.
#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/math/sincos.h"
#include "kernels/ops/ops.h"
#include "kernels/parallel.h"

namespace etb::kernels {

void rope_table_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(), kRopeTableName);
  Args args(kRopeTableName, ctx, stack, 5);
  const Tensor* const tokens = args.i64(0, "tokens", 2);
  const int64_t position = args.position(1, "input_pos");
  const Tensor* const frequencies = args.f32(2, "inv_freq", 1);
  const float magnitude = args.number(3, "magnitude");
  if (!args.ok()) return;
  const size_t count = dim(tokens, 1);
  const size_t half = dim(frequencies, 0);
  args.expect(dim(tokens, 0) == 1, "tokens", "more than one batch");
  args.expect(position >= 0 && position <= INT32_MAX, "input_pos", "out of range");
  args.expect(half <= kMaxHeadDim / 2, "inv_freq", "too many frequencies");
  if (!args.ok()) return;
  const int32_t sizes[] = {static_cast<int32_t>(count), static_cast<int32_t>(2 * half)};
  float* const table = args.out(4, sizes);
  if (!args.ok()) return;

  const float* const inv_freq = frequencies->const_data_ptr<float>();
  parallel_for(args.threads(), count, 8, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) {
      const double at = static_cast<double>(position) + static_cast<double>(t);
      float* const row = table + t * 2 * half;
      for (size_t i = 0; i < half; ++i) {
        const SinCos angle = sincos_f64(at * static_cast<double>(inv_freq[i]));
        row[i] = static_cast<float>(angle.cos * static_cast<double>(magnitude));
        row[half + i] = static_cast<float>(angle.sin * static_cast<double>(magnitude));
      }
    }
  });
}

}  // namespace etb::kernels
