#include "kernels/llama/llama_ops.h"

namespace etb::kernels {

et::Span<const et::Kernel> llama_operators() {
  static const et::Kernel list[] = {
      et::Kernel("llama::custom_sdpa.out", custom_sdpa_op),
      et::Kernel("llama::custom_quantized_sdpa.out", custom_quantized_sdpa_op),
      et::Kernel("llama::sdpa_with_kv_cache.out", sdpa_with_kv_cache_op),
      et::Kernel("llama::update_cache.out", update_cache_op),
      et::Kernel("llama::update_cache_with_indices.out", update_cache_with_indices_op),
      et::Kernel("llama::fast_hadamard_transform.out", fast_hadamard_transform_op),
  };
  return {list, sizeof list / sizeof list[0]};
}

}  // namespace etb::kernels
