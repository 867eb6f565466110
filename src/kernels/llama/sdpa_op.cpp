// custom_sdpa, custom_quantized_sdpa, sdpa_with_kv_cache: arguments checked, then one sdpa().
#include <cmath>
#include <optional>

#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/llama/cache.h"
#include "kernels/llama/llama_ops.h"
#include "kernels/llama/sdpa.h"

namespace etb::kernels {
namespace {

using ::executorch::aten::ScalarType;

constexpr ScalarType kFloats[] = {ScalarType::Float, ScalarType::Half, ScalarType::BFloat16};
constexpr ScalarType kQuantised[] = {ScalarType::Char};
constexpr int64_t kFarthest = int64_t{1} << 40;  // a position; sums with it don't overflow

Element element_of(ScalarType type) {
  switch (type) {
    case ScalarType::Half:
      return Element::F16;
    case ScalarType::BFloat16:
      return Element::BF16;
    case ScalarType::Char:
      return Element::I8;
    default:
      return Element::F32;
  }
}

TokenRows rows_of(const Tensor* tensor, bool heads_first) {
  TokenRows rows;
  if (tensor == nullptr) return rows;
  rows.data = tensor->const_data_ptr();
  rows.type = element_of(tensor->scalar_type());
  rows.tokens = dim(tensor, heads_first ? 2 : 1);
  rows.heads = dim(tensor, heads_first ? 1 : 2);
  rows.heads_first = heads_first;
  return rows;
}

struct Qkv {
  const Tensor *q, *k, *v;
};

void read_shapes(Args& args, const Qkv& from, bool heads_first, SdpaCall& call) {
  if (!args.ok()) return;
  call.q = rows_of(from.q, heads_first);
  call.k = rows_of(from.k, heads_first);
  call.v = rows_of(from.v, heads_first);
  call.batch = dim(from.q, 0);
  call.dim = dim(from.q, 3);
  args.expect(from.q->scalar_type() == from.k->scalar_type() &&
                  from.q->scalar_type() == from.v->scalar_type(),
              "query, key, value", "not of one type");
  args.expect(dim(from.k, 0) == call.batch && dim(from.v, 0) == call.batch, "key, value",
              "another batch than the query's");
  args.expect(dim(from.k, 3) == call.dim && dim(from.v, 3) == call.dim, "key, value",
              "rows of another length than the query's");
  args.expect(call.dim <= kMaxSdpaDim, "query", "rows longer than 512");
  args.expect(call.v.tokens == call.k.tokens && call.v.heads == call.k.heads, "value",
              "other tokens or heads than the key's");
  args.expect(call.k.heads != 0 && call.q.heads % call.k.heads == 0, "query",
              "heads are not a multiple of the key's");
}

struct At {  // where the options of an attention stand among the arguments
  size_t start, mask, dropout, causal, scale;
};

void read_options(Args& args, const At& at, SdpaCall& call) {
  call.start = static_cast<size_t>(args.integer(at.start, "start_pos", 0, kFarthest));
  call.causal = args.truth(at.causal, "is_causal");
  if (!args.none(at.dropout)) {
    args.expect(args.number(at.dropout, "drpout_p") == 0.0f, "drpout_p", "is for training");
  }
  const float whole = std::sqrt(static_cast<float>(call.dim));
  call.scale = args.none(at.scale) ? 1.0f / whole : args.number(at.scale, "scale");
  if (!args.ok()) return;
  if (args.none(at.mask)) {
    call.keys = call.start + call.q.tokens;
    args.expect(call.keys <= call.k.tokens, "start_pos", "beyond the end of the cache");
    return;
  }
  const Tensor* const mask = args.dense(at.mask, "attn_mask", 2, {kFloats, 1});
  if (mask == nullptr) return;
  call.keys = call.k.tokens;
  call.mask = mask->const_data_ptr<float>();
  args.expect(!call.causal, "is_causal", "a mask was given, too");
  args.expect(dim(mask, 0) == call.q.tokens && dim(mask, 1) == call.k.tokens, "attn_mask",
              "not query tokens x key tokens");
}

// `type` of the result, which has the query's shape.
void compute(Args& args, size_t out, const Tensor* query, ScalarType type, SdpaCall& call) {
  if (!args.ok()) return;
  int32_t sizes[4];
  for (int i = 0; i < 4; ++i) sizes[i] = static_cast<int32_t>(query->size(i));
  call.out = args.out_of(out, type, sizes);
  call.out_type = element_of(type);
  call.table = &args.table();
  if (args.ok()) sdpa(call, args.threads());
}

void attend(Args& args, const Qkv& from, const At& at, size_t out) {
  SdpaCall call;
  read_shapes(args, from, false, call);
  read_options(args, at, call);
  if (args.ok()) compute(args, out, from.q, from.q->scalar_type(), call);
}

// Zero points and scales, one for each row of a tensor of int8.
void read_quantisation(Args& args, size_t at, const Tensor* tensor, TokenRows& rows) {
  constexpr ScalarType kZeroPoints[] = {ScalarType::Char};
  const Tensor* const zero_points = args.dense(at, "zero points", -1, kZeroPoints);
  const Tensor* const scales = args.dense(at + 1, "scales", -1, {kFloats, 1});
  if (!args.ok()) return;
  const auto count = tensor->numel() / tensor->size(3);
  args.expect(zero_points->numel() == count, "zero points", "not one for each row");
  args.expect(scales->numel() == count, "scales", "not one for each row");
  rows.zero_points = zero_points->const_data_ptr<int8_t>();
  rows.scales = scales->const_data_ptr<float>();
}

}  // namespace

void custom_sdpa_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(), kCustomSdpaName);
  Args args(kCustomSdpaName, ctx, stack, 9);
  const Qkv from{args.dense(0, "query", 4, kFloats), args.dense(1, "key", 4, kFloats),
                 args.dense(2, "value", 4, kFloats)};
  attend(args, from, {.start = 3, .mask = 4, .dropout = 5, .causal = 6, .scale = 7}, 8);
}

void custom_quantized_sdpa_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(),
                                                      kCustomQuantizedSdpaName);
  Args args(kCustomQuantizedSdpaName, ctx, stack, 16);
  const Qkv from{args.dense(0, "query", 4, kQuantised), args.dense(1, "key", 4, kQuantised),
                 args.dense(2, "value", 4, kQuantised)};
  SdpaCall call;
  read_shapes(args, from, args.truth(14, "is_seq_at_dim_2"), call);
  read_options(args, {.start = 3, .mask = 4, .dropout = 5, .causal = 6, .scale = 7}, call);
  read_quantisation(args, 8, from.q, call.q);
  read_quantisation(args, 10, from.k, call.k);
  read_quantisation(args, 12, from.v, call.v);
  compute(args, 15, from.q, ScalarType::Float, call);
}

void sdpa_with_kv_cache_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(),
                                                      kSdpaWithKvCacheName);
  Args args(kSdpaWithKvCacheName, ctx, stack, 12);
  const Tensor* const query = args.dense(0, "query", 4, kFloats);
  const Qkv from{query, args.dense(3, "key_cache", 4, kFloats),
                 args.dense(4, "value_cache", 4, kFloats)};
  const int64_t tokens = args.integer(6, "seq_len", 1, kFarthest);
  args.expect(dim(query, 1) == static_cast<size_t>(tokens), "seq_len", "not the query's tokens");
  CacheUpdate keys(args, {1, "key"}, {3, "key_cache"});
  CacheUpdate values(args, {2, "value"}, {4, "value_cache"});
  const int64_t start = args.integer(5, "start_pos", 0, kFarthest);
  keys.check(args, start);
  values.check(args, start);
  if (!args.ok()) return;
  keys.write(start);
  values.write(start);
  attend(args, from, {.start = 5, .mask = 7, .dropout = 8, .causal = 9, .scale = 10}, 11);
}

}  // namespace etb::kernels
