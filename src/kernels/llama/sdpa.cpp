#include "kernels/llama/sdpa.h"

#include <algorithm>
#include <limits>

#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

constexpr size_t kQueries = kAttendRows;  // of a unit of work: they share each key that is read
constexpr size_t kKeys = kKeyBlock;       // of a step of the softmax
constexpr size_t kRead = 16;              // rows that are made floats at once
constexpr float kNone = -std::numeric_limits<float>::infinity();

size_t row_index(const TokenRows& rows, size_t batch, size_t token, size_t head) {
  return rows.heads_first ? (batch * rows.heads + head) * rows.tokens + token
                          : (batch * rows.tokens + token) * rows.heads + head;
}

// The row as floats.
void read_row(const TokenRows& rows, size_t row, size_t dim, float* out) {
  const size_t at = row * dim;
  if (rows.type != Element::I8) {
    const auto* data = static_cast<const uint8_t*>(rows.data) + at * element_bytes(rows.type);
    return read_floats(rows.type, data, dim, out);
  }
  const auto* elements = static_cast<const int8_t*>(rows.data) + at;
  const int zero = rows.zero_points[row];
  const float scale = rows.scales[row];
  for (size_t i = 0; i < dim; ++i) out[i] = static_cast<float>(elements[i] - zero) * scale;
}

// Up to kQueries queries that share a head of keys and values, in the order of their tokens, and
// what the softmax has of them so far.
class Unit {
 public:
  Unit(const SdpaCall& call, size_t batch, size_t kv_head, size_t first)
      : call_(call),
        batch_(batch),
        kv_head_(kv_head),
        group_(call.q.heads / call.k.heads),
        first_(first),
        count_(std::min(kQueries, call.q.tokens * group_ - first)) {}

  void run() {
    const size_t dim = call_.dim;
    for (size_t i = 0; i < count_; ++i) {
      read_row(call_.q, query_row(i), dim, queries_[i]);
      for (size_t d = 0; d < dim; ++d) queries_[i][d] *= call_.scale;
      std::fill_n(sums_[i], dim, 0.0f);
      softmax_[i] = {.max = kNone, .sum = 0, .shrink = 1};
    }
    const size_t keys = seen_by(count_ - 1);
    for (size_t key = 0; key < keys; key += kKeys) step(key, std::min(kKeys, keys - key));
    for (size_t i = 0; i < count_; ++i) write(i);
  }

 private:
  size_t token(size_t i) const { return (first_ + i) / group_; }
  size_t query_row(size_t i) const {
    return row_index(call_.q, batch_, token(i), kv_head_ * group_ + (first_ + i) % group_);
  }
  // Keys that the i-th query sees; never fewer than the one before.
  size_t seen_by(size_t i) const {
    return call_.causal ? std::min(call_.keys, call_.start + token(i) + 1) : call_.keys;
  }

  void step(size_t key, size_t count) {
    each_rows(call_.k, key, count, call_.table->sdpa_scores);
    for (size_t i = 0; i < count_; ++i) weigh(i, key, count);
    each_rows(call_.v, key, count, call_.table->sdpa_values);
  }

  // Rows [key, key + count) where they lie, or as floats in `read_`, a few at a time.
  void each_rows(const TokenRows& rows, size_t key, size_t count,
                 void (*take)(const SdpaRows& args)) {
    SdpaRows args{.rows = nullptr,
                  .stride = rows.heads_first ? call_.dim : rows.heads * call_.dim,
                  .count = count,
                  .dim = call_.dim,
                  .queries = count_,
                  .query = queries_[0],
                  .weights = scores_[0],
                  .sums = sums_[0]};
    if (rows.type == Element::F32) {
      args.rows =
          static_cast<const float*>(rows.data) + row_index(rows, batch_, key, kv_head_) * call_.dim;
      return take(args);
    }
    args.rows = read_[0];
    args.stride = kMaxSdpaDim;
    for (size_t j = 0; j < count; j += kRead) {
      args.count = std::min(kRead, count - j);
      args.weights = scores_[0] + j;
      for (size_t r = 0; r < args.count; ++r) {
        read_row(rows, row_index(rows, batch_, key + j + r, kv_head_), call_.dim, read_[r]);
      }
      take(args);
    }
  }

  // Scores become weights, what was summed up before is scaled to the new maximum. A key that is
  // not seen may hold anything: whatever its score, its weight is 0.
  void weigh(size_t i, size_t key, size_t count) {
    float* const scores = scores_[i];
    if (call_.mask != nullptr) {
      const float* const mask = call_.mask + token(i) * call_.k.tokens + key;
      for (size_t j = 0; j < count; ++j) scores[j] += mask[j];
    }
    const size_t seen = std::min(count, seen_by(i) - std::min(seen_by(i), key));
    std::fill(scores + seen, scores + kKeys, kNone);
    call_.table->sdpa_weights(scores, softmax_[i]);
    for (size_t d = 0; d < call_.dim; ++d) sums_[i][d] *= softmax_[i].shrink;
  }

  void write(size_t i) {
    const float whole = softmax_[i].sum > 0 ? 1.0f / softmax_[i].sum : 0.0f;
    for (size_t d = 0; d < call_.dim; ++d) sums_[i][d] *= whole;
    write_floats(call_.out_type, sums_[i], call_.dim,
                 static_cast<uint8_t*>(call_.out) +
                     query_row(i) * call_.dim * element_bytes(call_.out_type));
  }

  const SdpaCall& call_;
  size_t batch_, kv_head_, group_, first_, count_;
  float queries_[kQueries][kMaxSdpaDim];
  float sums_[kQueries][kMaxSdpaDim];
  float scores_[kQueries][kKeys];
  float read_[kRead][kMaxSdpaDim];
  SdpaSoftmax softmax_[kQueries];
};

}  // namespace

void sdpa(const SdpaCall& call, unsigned threads) {
  const size_t rows = call.q.tokens * (call.q.heads / call.k.heads);
  const size_t blocks = (rows + kQueries - 1) / kQueries;
  parallel_for(threads, call.batch * call.k.heads * blocks, 1, [&](size_t begin, size_t end) {
    for (size_t unit = begin; unit < end; ++unit) {
      const size_t head = unit / blocks;
      Unit(call, head / call.k.heads, head % call.k.heads, unit % blocks * kQueries).run();
    }
  });
}

}  // namespace etb::kernels
