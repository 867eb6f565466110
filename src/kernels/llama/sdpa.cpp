#include "kernels/llama/sdpa.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/parallel.h"

namespace etb::kernels {
namespace {

constexpr size_t kQueries = 8;  // of a unit of work: they share each key that is read
constexpr size_t kKeys = 64;    // of a step of the softmax
constexpr size_t kLanes = 16;   // sums that run side by side
constexpr float kNone = -std::numeric_limits<float>::infinity();

// One order of additions whatever the compiler makes of it.
float dot(const float* a, const float* b, size_t count) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) lanes[l] += a[i + l] * b[i + l];
  }
  for (size_t l = 0; i < count; ++i, ++l) lanes[l] += a[i] * b[i];
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

// exp of what is at most 0, in operations that any compiler turns into vectors (exp_f32 fuses, for
// which a baseline processor calls a function an operation): 2^n by the exponent's bits times a
// polynomial over [-ln 2 / 2, ln 2 / 2]. Within 3 ulp; 0 below -87.
float exp_down(float x) {
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float bounded = x < -87.0f ? -87.0f : x;
  const float shifted = bounded * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (bounded - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const uint32_t power = std::bit_cast<uint32_t>(shifted) << 23;
  const float value = std::bit_cast<float>(std::bit_cast<uint32_t>(p) + power);
  return x < -87.0f ? 0.0f : value;
}

size_t row_index(const TokenRows& rows, size_t batch, size_t token, size_t head) {
  return rows.heads_first ? (batch * rows.heads + head) * rows.tokens + token
                          : (batch * rows.tokens + token) * rows.heads + head;
}

// The row as floats: where it lies, or in `buffer`.
const float* read_row(const TokenRows& rows, size_t row, size_t dim, float* buffer) {
  const size_t at = row * dim;
  if (rows.type == Element::F32) return static_cast<const float*>(rows.data) + at;
  if (rows.type != Element::I8) {
    read_floats(rows.type, static_cast<const uint16_t*>(rows.data) + at, dim, buffer);
    return buffer;
  }
  const auto* elements = static_cast<const int8_t*>(rows.data) + at;
  const int zero = rows.zero_points[row];
  const float scale = rows.scales[row];
  for (size_t i = 0; i < dim; ++i) buffer[i] = static_cast<float>(elements[i] - zero) * scale;
  return buffer;
}

// Up to kQueries queries of one head, and what the softmax has of them so far.
class Unit {
 public:
  Unit(const SdpaCall& call, size_t batch, size_t head, size_t first)
      : call_(call),
        batch_(batch),
        head_(head),
        kv_head_(head / (call.q.heads / call.k.heads)),
        first_(first),
        count_(std::min(kQueries, call.q.tokens - first)) {}

  void run() {
    const size_t dim = call_.dim;
    for (size_t i = 0; i < count_; ++i) {
      const float* const row =
          read_row(call_.q, row_index(call_.q, batch_, first_ + i, head_), dim, row_);
      for (size_t d = 0; d < dim; ++d) queries_[i][d] = row[d] * call_.scale;
      std::fill_n(sums_[i], dim, 0.0f);
      most_[i] = kNone;
      weight_[i] = 0;
    }
    const size_t keys = seen_by(count_ - 1);
    for (size_t key = 0; key < keys; key += kKeys) step(key, std::min(kKeys, keys - key));
    for (size_t i = 0; i < count_; ++i) write(i);
  }

 private:
  // Keys that the i-th query sees; more than the one before, never fewer.
  size_t seen_by(size_t i) const {
    return call_.causal ? std::min(call_.keys, call_.start + first_ + i + 1) : call_.keys;
  }

  void step(size_t key, size_t count) {
    for (size_t j = 0; j < count; ++j) {
      const float* const row =
          read_row(call_.k, row_index(call_.k, batch_, key + j, kv_head_), call_.dim, row_);
      for (size_t i = 0; i < count_; ++i) {
        scores_[i][j] = key + j < seen_by(i) ? dot(queries_[i], row, call_.dim) : kNone;
      }
    }
    for (size_t i = 0; i < count_; ++i) weigh(i, key, count);
    for (size_t j = 0; j < count; ++j) {
      const float* const row =
          read_row(call_.v, row_index(call_.v, batch_, key + j, kv_head_), call_.dim, row_);
      for (size_t i = 0; i < count_; ++i) {
        const float weight = scores_[i][j];
        if (weight == 0) continue;  // a key that is not seen may hold anything
        for (size_t d = 0; d < call_.dim; ++d) sums_[i][d] += weight * row[d];
      }
    }
  }

  // Scores become weights, what was summed up before is scaled to the new maximum.
  void weigh(size_t i, size_t key, size_t count) {
    float* const scores = scores_[i];
    if (call_.mask != nullptr) {
      const float* const mask = call_.mask + (first_ + i) * call_.k.tokens + key;
      for (size_t j = 0; j < count; ++j) scores[j] += mask[j];
    }
    float most = most_[i];
    for (size_t j = 0; j < count; ++j) most = std::max(most, scores[j]);
    if (most == kNone) {
      std::fill_n(scores, count, 0.0f);
      return;
    }
    const float before = exp_down(most_[i] - most);
    for (size_t j = 0; j < count; ++j) scores[j] = exp_down(scores[j] - most);
    float sum = weight_[i] * before;
    for (size_t j = 0; j < count; ++j) sum += scores[j];
    for (size_t d = 0; d < call_.dim; ++d) sums_[i][d] *= before;
    most_[i] = most;
    weight_[i] = sum;
  }

  void write(size_t i) {
    const float whole = weight_[i] > 0 ? 1.0f / weight_[i] : 0.0f;
    for (size_t d = 0; d < call_.dim; ++d) sums_[i][d] *= whole;
    const size_t at = row_index(call_.q, batch_, first_ + i, head_) * call_.dim;
    write_floats(call_.out_type, sums_[i], call_.dim,
                 static_cast<uint8_t*>(call_.out) + at * element_bytes(call_.out_type));
  }

  const SdpaCall& call_;
  size_t batch_, head_, kv_head_, first_, count_;
  float queries_[kQueries][kMaxSdpaDim];
  float sums_[kQueries][kMaxSdpaDim];
  float scores_[kQueries][kKeys];
  float row_[kMaxSdpaDim];
  float most_[kQueries];
  float weight_[kQueries];
};

}  // namespace

void sdpa(const SdpaCall& call, unsigned threads) {
  const size_t blocks = (call.q.tokens + kQueries - 1) / kQueries;
  parallel_for(threads, call.batch * call.q.heads * blocks, 1, [&](size_t begin, size_t end) {
    for (size_t unit = begin; unit < end; ++unit) {
      const size_t head = unit / blocks;
      Unit(call, head / call.q.heads, head % call.q.heads, unit % blocks * kQueries).run();
    }
  });
}

}  // namespace etb::kernels
