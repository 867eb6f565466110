// The NEON dotprod path. Compiled with that instruction set's flags: nothing else may live here.
#include "kernels/attention/attend_simd.h"
#include "kernels/linear/linear_neon.h"
#include "kernels/linear/linear_table.h"
#include "kernels/llama/sdpa_simd.h"
#include "kernels/norm/vector_simd.h"
#include "kernels/simd/neon.h"

namespace etb::kernels {
namespace {

using Vectors = VectorOps<Neon>;

constexpr KernelTable kTable{
    .path = Path::NeonDotprod,
    .linear = LinearTable<NeonLinear>::all(),
    .rms_norm = Vectors::rms_norm,
    .quantise = Vectors::quantise,
    .add = Vectors::add,
    .silu_mul = Vectors::silu_mul,
    .gelu_mul = Vectors::gelu_mul,
    .softcap = Vectors::softcap,
    .rotate = Vectors::rotate,
    .store_f16 = Vectors::store_f16,
    .attend = attend<Neon>,
    .sdpa_scores = SdpaSteps<Neon>::scores,
    .sdpa_weights = SdpaSteps<Neon>::weights,
    .sdpa_values = SdpaSteps<Neon>::values,
};

}  // namespace

const KernelTable* neon_table() {
  return &kTable;
}

}  // namespace etb::kernels
