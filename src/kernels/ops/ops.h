// The operators as the runtime calls them: raw OpFunctions, schemas in docs/design/data-path.md.
#pragma once

#include "kernels/ops/args.h"

namespace etb::kernels {

void embed_op(et::KernelRuntimeContext& ctx, Stack stack);
void rope_table_op(et::KernelRuntimeContext& ctx, Stack stack);
void attention_op(et::KernelRuntimeContext& ctx, Stack stack);
void mlp_op(et::KernelRuntimeContext& ctx, Stack stack);
void head_op(et::KernelRuntimeContext& ctx, Stack stack);

inline constexpr char kEmbedName[] = "etb::embed.out";
inline constexpr char kRopeTableName[] = "etb::rope_table.out";
inline constexpr char kAttentionName[] = "etb::attention.out";
inline constexpr char kMlpName[] = "etb::mlp.out";
inline constexpr char kHeadName[] = "etb::head.out";

}  // namespace etb::kernels
