// fast_hadamard_transform: x -> (H28 (x) W) x / sqrt(2^k), W the Walsh matrix of 2^k in its natural
// order, H28 the fixed 28 x 28 matrix that the exporters' rotations (QuIP#, SpinQuant) agree on.
#include <bit>
#include <cmath>
#include <cstring>

#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/llama/elements.h"
#include "kernels/llama/hadamard.h"
#include "kernels/llama/llama_ops.h"
#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

using ::executorch::aten::ScalarType;

constexpr size_t kSpecial = 28;

// Bit i of row j: whether element i is added to result j rather than subtracted.
constexpr uint32_t kSigns[kSpecial] = {
    0x3296181, 0x6528382, 0xc854704, 0x92a8e08, 0x2751c10, 0x4ca7820, 0x994b0c0,
    0x4b980bc, 0x9534178, 0x2a6c271, 0x54d8463, 0xa9b0847, 0x536500f, 0xa4ce01e,
    0x7804cda, 0xf009935, 0xe21326a, 0xc6224d5, 0x8e409ab, 0x1e81356, 0x3d0262d,
    0x030ed66, 0x041dacd, 0x083b51b, 0x1072ab6, 0x20e15ec, 0x41c2b59, 0x81856b3,
};

void walsh(float* x, size_t count) {
  for (size_t half = 1; half < count; half *= 2) {
    for (size_t block = 0; block < count; block += 2 * half) {
      for (size_t i = block; i < block + half; ++i) {
        const float a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
}

void mix_28(float* x, size_t stride) {
  for (size_t at = 0; at < stride; ++at) {
    float in[kSpecial];
    for (size_t i = 0; i < kSpecial; ++i) in[i] = x[i * stride + at];
    for (size_t j = 0; j < kSpecial; ++j) {
      float sum = 0;
      for (size_t i = 0; i < kSpecial; ++i) sum += (kSigns[j] >> i & 1) != 0 ? in[i] : -in[i];
      x[j * stride + at] = sum;
    }
  }
}

}  // namespace

bool has_hadamard(size_t count) {
  return count > 0 && (std::has_single_bit(count) ||
                       (count % kSpecial == 0 && std::has_single_bit(count / kSpecial)));
}

void hadamard(float* x, size_t count) {
  const size_t parts = std::has_single_bit(count) ? 1 : kSpecial;
  const size_t length = count / parts;
  const float scale = 1.0f / std::sqrt(static_cast<float>(length));
  for (size_t part = 0; part < parts; ++part) walsh(x + part * length, length);
  for (size_t i = 0; i < count; ++i) x[i] *= scale;
  if (parts != 1) mix_28(x, length);
}

void fast_hadamard_transform_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(),
                                                      kFastHadamardTransformName);
  constexpr ScalarType kTypes[] = {ScalarType::Float, ScalarType::Half};
  Args args(kFastHadamardTransformName, ctx, stack, 2);
  const Tensor* const mat = args.dense(0, "mat", -1, kTypes);
  if (mat == nullptr) return;
  if (!args.expect(mat->dim() > 0 && mat->dim() <= kMaxRank, "mat", "no rows of numbers")) return;
  const size_t count = dim(mat, static_cast<int>(mat->dim()) - 1);
  args.expect(has_hadamard(count) && count <= kMaxHadamard, "mat",
              "rows are neither 2^k nor 28 * 2^k long, or too long");
  int32_t sizes[kMaxRank] = {};
  for (int i = 0; i < mat->dim(); ++i) sizes[i] = static_cast<int32_t>(mat->size(i));
  const ScalarType type = mat->scalar_type();
  auto* const out =
      static_cast<uint8_t*>(args.out_of(1, type, {sizes, static_cast<size_t>(mat->dim())}));
  if (!args.ok()) return;
  const Element element = type == ScalarType::Half ? Element::F16 : Element::F32;
  const size_t row_bytes = count * element_bytes(element);
  const auto* const in = static_cast<const uint8_t*>(mat->const_data_ptr());
  const size_t rows = static_cast<size_t>(mat->numel()) / count;
  parallel_for(args.threads(), rows, 1, [&](size_t begin, size_t end) {
    float values[kMaxHadamard];
    for (size_t row = begin; row < end; ++row) {
      read_floats(element, in + row * row_bytes, count, values);
      hadamard(values, count);
      write_floats(element, values, count, out + row * row_bytes);
    }
  });
}

}  // namespace etb::kernels
