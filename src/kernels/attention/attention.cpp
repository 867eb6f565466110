#include "kernels/attention/attention.h"

#include <algorithm>

#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

void add_biases(const AttentionCall& call, float* row) {
  const size_t kv_width = call.shape.kv_heads * call.shape.head_dim;
  const size_t widths[] = {call.shape.heads * call.shape.head_dim, kv_width, kv_width};
  for (size_t i = 0; i < 3; ++i) {
    if (call.biases[i] != nullptr) call.table->add(row, call.biases[i], widths[i]);
    row += widths[i];
  }
}

void normalise_heads(const AttentionCall& call, float* head, size_t count, const float* weights) {
  const size_t dims = call.shape.head_dim;
  for (size_t i = 0; i < count && weights != nullptr; ++i, head += dims) {
    call.table->rms_norm(head, weights, dims, call.eps, head);
  }
}

void store_token(const AttentionCall& call, size_t t) {
  const AttentionShape& shape = call.shape;
  float* const row = call.qkv + t * call.qkv_stride();
  add_biases(call, row);
  normalise_heads(call, row, shape.heads, call.q_norm);
  normalise_heads(call, row + shape.heads * shape.head_dim, shape.kv_heads, call.k_norm);
  const float* const angles = call.rope + t * shape.n_rot;
  for (size_t head = 0; head < shape.heads + shape.kv_heads; ++head) {
    call.table->rotate(row + head * shape.head_dim, angles, shape.n_rot / 2);
  }
  for (size_t head = 0; head < shape.kv_heads; ++head) {
    const float* const k = row + (shape.heads + head) * shape.head_dim;
    const float* const v = k + shape.kv_heads * shape.head_dim;
    const size_t position = call.position + t;
    call.table->store_f16(k, shape.head_dim, call.cache.key(head, position), kKeyTile);
    call.table->store_f16(v, shape.head_dim, call.cache.value(head, position), 1);
  }
}

// Rows of a kv head are counted token after token, and within a token over the heads of its group:
// so a tile of rows shares keys and values, and its last row sees furthest.
void attend_tile(const AttentionCall& call, size_t kv_head, size_t first_row, size_t most) {
  const AttentionShape& shape = call.shape;
  AttendArgs args{};
  args.keys = call.cache.keys(kv_head);
  args.values = call.cache.values(kv_head);
  args.head_dim = shape.head_dim;
  args.scale = call.scale;
  args.softcap = call.softcap;
  args.count = std::min(most, call.tokens * shape.group() - first_row);
  for (size_t i = 0; i < args.count; ++i) {
    const size_t t = (first_row + i) / shape.group();
    const size_t head = kv_head * shape.group() + (first_row + i) % shape.group();
    const size_t end = call.position + t + 1;
    args.query[i] = call.qkv + t * call.qkv_stride() + head * shape.head_dim;
    args.out[i] = call.out + (t * shape.heads + head) * shape.head_dim;
    args.end[i] = end;
    args.first[i] = shape.window != 0 && end > shape.window ? end - shape.window : 0;
  }
  call.table->attend(args);
}

// Rows of a tile: as many as share well, fewer where that leaves threads without work (a decode
// step over one or two kv heads).
size_t rows_of_tile(const AttentionCall& call) {
  const size_t rows = call.tokens * call.shape.group();
  const size_t team = call.threads == 0 ? pool_threads() : call.threads;
  const size_t wanted = (team + call.shape.kv_heads - 1) / call.shape.kv_heads;  // tiles a head
  return std::clamp<size_t>(rows / wanted, 1, kAttendRows);
}

}  // namespace

void store_positions(const AttentionCall& call) {
  parallel_for(call.threads, call.tokens, 8, [&](size_t begin, size_t end) {
    for (size_t t = begin; t < end; ++t) store_token(call, t);
  });
}

void attend_all(const AttentionCall& call) {
  const size_t rows = call.tokens * call.shape.group();
  const size_t most = rows_of_tile(call);
  const size_t tiles = (rows + most - 1) / most;
  parallel_for(call.threads, call.shape.kv_heads * tiles, 1, [&](size_t begin, size_t end) {
    for (size_t unit = begin; unit < end; ++unit) {
      attend_tile(call, unit / tiles, unit % tiles * most, most);
    }
  });
}

}  // namespace etb::kernels
