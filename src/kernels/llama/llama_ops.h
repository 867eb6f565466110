// The `llama::` operators of stock language models, whose own implementation no linkable library
// has. As the exporter's: the same arguments, shapes and results up to rounding. Where it aborts
// the process on a wrong argument these fail the forward.
//
// Tensors are contiguous. Types of queries, keys and values: float, half or bfloat16, one for all;
// arithmetic is single precision in one defined order, so results do not depend on threads or on
// how a prompt was cut. [B,S,H,D]: batch, token, head, element; a cache has T tokens, H of keys and
// values divides H of queries, D <= 512.
//
//   custom_sdpa           q [B,S,H,D], k and v [B,T,Hkv,D], start, mask, dropout, causal, scale
//                         -> out as q. With a mask (float [S,T], added to scores): all T keys, not
//                         causal. Without: keys [0, start + S), query i up to start + i if causal.
//                         Dropout is 0. Scale none: 1 / sqrt(D). A query that sees no key gives 0.
//   custom_quantized_sdpa the same of int8 with a zero point (int8) and a scale (float) for each
//                         row of D; out is float. seq_at_dim_2: tensors are [B,H,S,D].
//   update_cache          value [B,S,H,D] into cache [B,T,H,D] at token `start`, of any type.
//   update_cache_with_indices   the same, token s to row indices[b][s] (int64 [B,S]).
//   sdpa_with_kv_cache    k and v [B,S,Hkv,D] into their caches at `start`, then custom_sdpa on
//                         these; seq_len is S.
//   fast_hadamard_transform     of each row of n = 2^k or 28 * 2^k values, float or half: by the
//                         Walsh matrix / sqrt(2^k), for 28 * 2^k times a fixed 28 x 28 one.
#pragma once

#include "kernels/ops/args.h"

namespace etb::kernels {

void custom_sdpa_op(et::KernelRuntimeContext& ctx, Stack stack);
void custom_quantized_sdpa_op(et::KernelRuntimeContext& ctx, Stack stack);
void sdpa_with_kv_cache_op(et::KernelRuntimeContext& ctx, Stack stack);
void update_cache_op(et::KernelRuntimeContext& ctx, Stack stack);
void update_cache_with_indices_op(et::KernelRuntimeContext& ctx, Stack stack);
void fast_hadamard_transform_op(et::KernelRuntimeContext& ctx, Stack stack);

inline constexpr char kCustomSdpaName[] = "llama::custom_sdpa.out";
inline constexpr char kCustomQuantizedSdpaName[] = "llama::custom_quantized_sdpa.out";
inline constexpr char kSdpaWithKvCacheName[] = "llama::sdpa_with_kv_cache.out";
inline constexpr char kUpdateCacheName[] = "llama::update_cache.out";
inline constexpr char kUpdateCacheWithIndicesName[] = "llama::update_cache_with_indices.out";
inline constexpr char kFastHadamardTransformName[] = "llama::fast_hadamard_transform.out";

}  // namespace etb::kernels
