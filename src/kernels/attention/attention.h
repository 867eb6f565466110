// Between the projections: rotation, the KV cache and the look at it.
#pragma once

#include "kernels/paths/table.h"

namespace etb::kernels {

struct AttentionShape {
  size_t heads;
  size_t kv_heads;
  size_t head_dim;
  size_t n_rot;
  size_t context;
  size_t window;  // keys a query sees, itself included; 0: all

  size_t group() const { return heads / kv_heads; }
  size_t padded_context() const { return (context + 63) / 64 * 64; }
};

// A layer's cache (docs/design/data-path.md): all keys, kv head after kv head, then all values.
class KvCache {
 public:
  KvCache() = default;
  KvCache(uint8_t* memory, const AttentionShape& shape)
      : halves_(reinterpret_cast<uint16_t*>(memory)),
        head_dim_(shape.head_dim),
        head_size_(shape.padded_context() * shape.head_dim),
        values_at_(shape.kv_heads * head_size_) {}

  static size_t bytes(const AttentionShape& shape) {
    return 2 * shape.kv_heads * shape.padded_context() * shape.head_dim * sizeof(uint16_t);
  }
  uint16_t* keys(size_t kv_head) const { return halves_ + kv_head * head_size_; }
  uint16_t* values(size_t kv_head) const { return halves_ + values_at_ + kv_head * head_size_; }
  // The first element of a key; the next ones stand kKeyTile halves apart.
  uint16_t* key(size_t kv_head, size_t position) const {
    return keys(kv_head) + position / kKeyTile * head_dim_ * kKeyTile + position % kKeyTile;
  }
  uint16_t* value(size_t kv_head, size_t position) const {
    return values(kv_head) + position * head_dim_;
  }

 private:
  uint16_t* halves_ = nullptr;
  size_t head_dim_ = 0;
  size_t head_size_ = 0;
  size_t values_at_ = 0;
};

// One checked call.
struct AttentionCall {
  const KernelTable* table;
  unsigned threads;
  AttentionShape shape;
  size_t tokens;
  size_t position;  // of the first token
  float scale;
  float softcap;           // of scores; 0: none
  const float* biases[3];  // of q, k and v, each null if there is none
  const float* q_norm;     // [head_dim] for every head, null if there is none
  const float* k_norm;
  float eps;          // of these two
  const float* rope;  // [tokens][n_rot]
  KvCache cache;
  float* qkv;  // [tokens][qkv_stride]: q, k, v
  float* out;  // [tokens][heads * head_dim]

  size_t qkv_stride() const { return (shape.heads + 2 * shape.kv_heads) * shape.head_dim; }
};

// Adds biases, normalises and rotates q and k of all tokens, and writes k and v to the cache.
void store_positions(const AttentionCall& call);
// out = attention of all queries over the cache.
void attend_all(const AttentionCall& call);

}  // namespace etb::kernels
