// The AVX-512 VNNI path. Compiled with that instruction set's flags: nothing else may live here.
#include "kernels/attention/attend_simd.h"
#include "kernels/linear/linear_avx512.h"
#include "kernels/linear/linear_table.h"
#include "kernels/llama/sdpa_simd.h"
#include "kernels/norm/vector_simd.h"
#include "kernels/simd/avx512.h"

namespace etb::kernels {
namespace {

using Vectors = VectorOps<Avx512>;

constexpr KernelTable kTable{
    .path = Path::Avx512Vnni,
    .linear = LinearTable<Avx512Linear>::all(),
    .rms_norm = Vectors::rms_norm,
    .quantise = Vectors::quantise,
    .add = Vectors::add,
    .silu_mul = Vectors::silu_mul,
    .gelu_mul = Vectors::gelu_mul,
    .softcap = Vectors::softcap,
    .rotate = Vectors::rotate,
    .store_f16 = Vectors::store_f16,
    .attend = attend<Avx512>,
    .sdpa_scores = SdpaSteps<Avx512>::scores,
    .sdpa_weights = SdpaSteps<Avx512>::weights,
    .sdpa_values = SdpaSteps<Avx512>::values,
};

}  // namespace

const KernelTable* avx512_table() {
  return &kTable;
}

}  // namespace etb::kernels
