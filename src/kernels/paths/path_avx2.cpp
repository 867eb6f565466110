// The AVX2 path. Compiled with that instruction set's flags: nothing else may live here.
#include "kernels/attention/attend_simd.h"
#include "kernels/linear/linear_avx2.h"
#include "kernels/linear/linear_table.h"
#include "kernels/llama/sdpa_simd.h"
#include "kernels/norm/vector_simd.h"
#include "kernels/simd/avx2.h"

namespace etb::kernels {
namespace {

using Vectors = VectorOps<Avx2>;

constexpr KernelTable kTable{
    .path = Path::Avx2,
    .linear = LinearTable<Avx2Linear>::all(),
    .rms_norm = Vectors::rms_norm,
    .quantise = Vectors::quantise,
    .add = Vectors::add,
    .silu_mul = Vectors::silu_mul,
    .gelu_mul = Vectors::gelu_mul,
    .softcap = Vectors::softcap,
    .rotate = Vectors::rotate,
    .store_f16 = Vectors::store_f16,
    .attend = attend<Avx2>,
    .sdpa_scores = SdpaSteps<Avx2>::scores,
    .sdpa_weights = SdpaSteps<Avx2>::weights,
    .sdpa_values = SdpaSteps<Avx2>::values,
};

}  // namespace

const KernelTable* avx2_table() {
  return &kTable;
}

}  // namespace etb::kernels
