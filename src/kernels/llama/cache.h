// Rows of new tokens into a cache: what update_cache and sdpa_with_kv_cache do.
#pragma once

#include "kernels/ops/args.h"

namespace etb::kernels {

struct Argument {
  size_t index;
  const char* name;
};

// value [B,S,H,D] -> cache [B,T,H,D], elements of the same size, whatever they are.
class CacheUpdate {
 public:
  CacheUpdate(Args& args, Argument value, Argument cache);

  // Whether all tokens fit from `start` on.
  void check(Args& args, int64_t start);
  // After a check that held.
  void write(int64_t start) const;
  // Token s of batch b to row indices[b * tokens() + s], each checked before any is written.
  void write(Args& args, std::span<const int64_t> indices) const;

  size_t batch() const { return batch_; }
  size_t tokens() const { return tokens_; }

 private:
  void copy(size_t batch, size_t token, size_t count, size_t row) const;

  Argument value_at_, cache_at_;
  const uint8_t* value_ = nullptr;
  uint8_t* cache_ = nullptr;
  size_t batch_ = 0, tokens_ = 0, rows_ = 0, row_bytes_ = 0;
};

}  // namespace etb::kernels
