// The scalar path: the readable oracle of all others, and what a CPU without the rest runs.
#include "kernels/attention/attend_scalar.h"
#include "kernels/linear/linear_scalar.h"
#include "kernels/linear/linear_table.h"
#include "kernels/llama/sdpa_scalar.h"
#include "kernels/norm/vector_scalar.h"

namespace etb::kernels {
namespace {

struct ScalarLinear {
  template <WeightFormat F, size_t kTokens>
  static void linear(const LinearArgs& args) {
    scalar::linear<F, kTokens>(args);
  }
};

constexpr KernelTable kTable{
    .path = Path::Scalar,
    .linear = LinearTable<ScalarLinear>::all(),
    .rms_norm = scalar::rms_norm,
    .quantise = scalar::quantise,
    .add = scalar::add,
    .silu_mul = scalar::silu_mul,
    .gelu_mul = scalar::gelu_mul,
    .softcap = scalar::softcap,
    .rotate = scalar::rotate,
    .store_f16 = scalar::store_f16,
    .attend = scalar::attend,
    .sdpa_scores = scalar::sdpa_scores,
    .sdpa_weights = scalar::sdpa_weights,
    .sdpa_values = scalar::sdpa_values,
};

}  // namespace

const KernelTable* scalar_table() {
  return &kTable;
}

}  // namespace etb::kernels
