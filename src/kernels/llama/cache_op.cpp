// update_cache and update_cache_with_indices, and the copying that sdpa_with_kv_cache shares.
#include "kernels/llama/cache.h"

#include <cstring>

#include <executorch/runtime/core/event_tracer_hooks.h>

#include "kernels/llama/llama_ops.h"

namespace etb::kernels {
namespace {

using ::executorch::aten::ScalarType;

constexpr ScalarType kAny[] = {ScalarType::Float, ScalarType::Half, ScalarType::BFloat16,
                               ScalarType::Char,  ScalarType::Byte, ScalarType::Short,
                               ScalarType::Int,   ScalarType::Long, ScalarType::Double};

}  // namespace

CacheUpdate::CacheUpdate(Args& args, Argument value, Argument cache)
    : value_at_(value), cache_at_(cache) {
  const Tensor* const from = args.dense(value.index, value.name, 4, kAny);
  const Tensor* const to = args.dense(cache.index, cache.name, 4, kAny);
  if (!args.ok()) return;
  args.expect(from->element_size() == to->element_size(), value.name,
              "elements of another size than the cache's");
  args.expect(
      dim(from, 0) == dim(to, 0) && dim(from, 2) == dim(to, 2) && dim(from, 3) == dim(to, 3),
      value.name, "not of the cache's shape");
  value_ = static_cast<const uint8_t*>(from->const_data_ptr());
  cache_ = static_cast<uint8_t*>(to->mutable_data_ptr());
  batch_ = dim(from, 0);
  tokens_ = dim(from, 1);
  rows_ = dim(to, 1);
  row_bytes_ = dim(from, 2) * dim(from, 3) * static_cast<size_t>(from->element_size());
}

void CacheUpdate::check(Args& args, int64_t start) {
  if (!args.ok()) return;
  args.expect(tokens_ <= rows_ && static_cast<uint64_t>(start) <= rows_ - tokens_, "start_pos",
              "beyond the end of the cache");
}

void CacheUpdate::copy(size_t batch, size_t token, size_t count, size_t row) const {
  std::memmove(cache_ + (batch * rows_ + row) * row_bytes_,
               value_ + (batch * tokens_ + token) * row_bytes_, count * row_bytes_);
}

void CacheUpdate::write(int64_t start) const {
  for (size_t batch = 0; batch < batch_; ++batch) {
    copy(batch, 0, tokens_, static_cast<size_t>(start));
  }
}

void CacheUpdate::write(Args& args, std::span<const int64_t> indices) const {
  const auto is_row = [&](int64_t row) {
    return args.expect(row >= 0 && static_cast<uint64_t>(row) < rows_, "indices",
                       "beyond the end of the cache");
  };
  for (const int64_t row : indices) {
    if (!is_row(row)) return;
  }
  for (size_t i = 0; i < indices.size(); ++i) {
    // Looked at once more: a program may have planned the cache over its indices.
    const int64_t row = indices[i];
    if (!is_row(row)) return;
    copy(i / tokens_, i % tokens_, 1, static_cast<size_t>(row));
  }
}

// The out tensor is a dummy: nobody reads it.
void update_cache_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(),
                                                      kUpdateCacheName);
  Args args(kUpdateCacheName, ctx, stack, 4);
  CacheUpdate update(args, {0, "value"}, {1, "cache"});
  const int64_t start = args.integer(2, "start_pos", 0, INT64_MAX);
  update.check(args, start);
  if (args.ok()) update.write(start);
}

void update_cache_with_indices_op(et::KernelRuntimeContext& ctx, Stack stack) {
  const et::internal::EventTracerProfileOpScope scope(ctx.internal_event_tracer(),
                                                      kUpdateCacheWithIndicesName);
  Args args(kUpdateCacheWithIndicesName, ctx, stack, 5);
  const CacheUpdate update(args, {0, "value"}, {1, "cache"});
  const Tensor* const indices = args.i64(3, "indices", 2);
  if (!args.ok()) return;
  if (!args.expect(dim(indices, 0) == update.batch() && dim(indices, 1) == update.tokens(),
                   "indices", "not one for each token")) {
    return;
  }
  update.write(args, {indices->const_data_ptr<int64_t>(), update.batch() * update.tokens()});
}

}  // namespace etb::kernels
