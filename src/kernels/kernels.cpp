#include "kernels/kernels.h"

#include "kernels/llama/llama_ops.h"
#include "kernels/ops/ops.h"

namespace etb::kernels {

::executorch::runtime::Span<const ::executorch::runtime::Kernel> operators() {
  using ::executorch::runtime::Kernel;
  static const Kernel list[] = {
      Kernel(kEmbedName, embed_op),
      Kernel(kRopeTableName, rope_table_op),
      Kernel(kAttentionName, attention_op),
      Kernel(kMlpName, mlp_op),
      Kernel(kHeadName, head_op),
      Kernel(kCustomSdpaName, custom_sdpa_op),
      Kernel(kCustomQuantizedSdpaName, custom_quantized_sdpa_op),
      Kernel(kSdpaWithKvCacheName, sdpa_with_kv_cache_op),
      Kernel(kUpdateCacheName, update_cache_op),
      Kernel(kUpdateCacheWithIndicesName, update_cache_with_indices_op),
      Kernel(kFastHadamardTransformName, fast_hadamard_transform_op),
  };
  return {list, sizeof list / sizeof list[0]};
}

}  // namespace etb::kernels
