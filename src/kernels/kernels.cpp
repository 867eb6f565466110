#include "kernels/kernels.h"

#include "kernels/ops/ops.h"

namespace etb::kernels {

::executorch::runtime::Span<const ::executorch::runtime::Kernel> operators() {
  using ::executorch::runtime::Kernel;
  static const Kernel list[] = {
      Kernel(kEmbedName, embed_op),         Kernel(kRopeTableName, rope_table_op),
      Kernel(kAttentionName, attention_op), Kernel(kMlpName, mlp_op),
      Kernel(kHeadName, head_op),
  };
  return {list, sizeof list / sizeof list[0]};
}

}  // namespace etb::kernels
