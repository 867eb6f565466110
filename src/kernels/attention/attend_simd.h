// The look at the cache over 16 virtual lanes: scores with lanes = keys, value sums with lanes =
// dims. Up to I::kRows query rows share each load of keys and values. Order of arithmetic per row:
// attend_scalar.h. Internal to the ISA files (see norm/vector_simd.h).
#pragma once

#include "kernels/norm/vector_simd.h"

namespace etb::kernels {
namespace {

constexpr float kMinusInfinity = -__builtin_inff();
constexpr size_t kTiles = kKeyBlock / kKeyTile;

constexpr size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}
constexpr size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

// Accumulators side by side: enough independent sums to hide the latency of one fma.
template <class I, size_t R>
constexpr size_t side_by_side() {
  return R * 4 <= I::kAccumulators ? 4 : R * 2 <= I::kAccumulators ? 2 : 1;
}

template <class I, size_t R>
class Attend {
  using V = typename I::V;

 public:
  Attend(const AttendArgs& args, size_t first_row) : args_(args), row0_(first_row) {
    for (size_t r = 0; r < R; ++r) {
      first_[r] = args.first[row0_ + r];
      end_[r] = args.end[row0_ + r];
      max_[r] = kMinusInfinity;
      sum_[r] = I::splat(0.0f);
      for (size_t d = 0; d < args.head_dim; ++d) {
        query_[d * R + r] = args.query[row0_ + r][d] * args.scale;
        args.out[row0_ + r][d] = 0.0f;
      }
    }
  }

  void run() {
    const size_t start = first_[0] / kKeyBlock * kKeyBlock;  // rows stand in position order
    for (size_t block = start; block < end_[R - 1]; block += kKeyBlock) {
      scores(block);
      weigh(block);
      values(block);
    }
    for (size_t r = 0; r < R; ++r) {
      const V total = I::splat(I::sum(sum_[r]));
      float* const out = args_.out[row0_ + r];
      for (size_t d = 0; d < args_.head_dim; d += kLanes) {
        I::store(out + d, I::div(I::load(out + d), total));
      }
    }
  }

 private:
  static constexpr size_t kWide = side_by_side<I, R>();
  // Few rows: the cache is read from memory about as fast as it is worked on, so the next block is
  // fetched meanwhile (beyond the cache's end too: a prefetch never faults).
  static constexpr bool kFew = R <= 4;

  void scores(size_t block) {
    const size_t tiles = smaller(kTiles, (end_[R - 1] - block + kKeyTile - 1) / kKeyTile);
    for (size_t tile = 0; tile < tiles; tile += kWide) {
      const size_t step = args_.head_dim * kKeyTile;
      const uint16_t* const keys = args_.keys + (block / kKeyTile + tile) * step;
      V acc[R][kWide];
#pragma GCC unroll 8
      for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
        for (size_t u = 0; u < kWide; ++u) acc[r][u] = I::splat(0.0f);
      }
      for (size_t d = 0; d < args_.head_dim; ++d) {
        V k[kWide];
#pragma GCC unroll 4
        for (size_t u = 0; u < kWide; ++u) k[u] = I::load_f16(keys + u * step + d * kKeyTile);
        if constexpr (kFew) {
          const uint16_t* const next = keys + kTiles * step + d * kKeyBlock * kWide / kTiles;
          for (size_t u = 0; u < kWide; u += 2) I::prefetch(next + u * kKeyTile);
        }
#pragma GCC unroll 8
        for (size_t r = 0; r < R; ++r) {
          const V q = I::splat(query_[d * R + r]);
#pragma GCC unroll 4
          for (size_t u = 0; u < kWide; ++u) acc[r][u] = I::fma(q, k[u], acc[r][u]);
        }
      }
#pragma GCC unroll 8
      for (size_t r = 0; r < R; ++r) {
#pragma GCC unroll 4
        for (size_t u = 0; u < kWide; ++u) {
          I::store(weights_[r] + (tile + u) * kKeyTile, acc[r][u]);
        }
      }
    }
  }

  bool sees(size_t r, size_t block) const {
    return first_[r] < block + kKeyBlock && end_[r] > block;
  }

  // Scores to weights, row by row; shrink_ is what earlier sums are multiplied by.
  void weigh(size_t block) {
    for (size_t r = 0; r < R; ++r) {
      if (!sees(r, block)) continue;
      const size_t from = larger(first_[r], block) - block;
      const size_t to = smaller(end_[r], block + kKeyBlock) - block;
      V s[kTiles];
#pragma GCC unroll 4
      for (size_t i = 0; i < kTiles; ++i) s[i] = I::load(weights_[r] + i * kKeyTile);
      if (args_.softcap != 0.0f) {
        for (size_t i = 0; i < kTiles; ++i) s[i] = softcap_lanes<I>(s[i], I::splat(args_.softcap));
      }
      if (from != 0 || to != kKeyBlock) mask(s, from, to);
      V top = I::splat(max_[r]);
#pragma GCC unroll 4
      for (size_t i = 0; i < kTiles; ++i) top = I::max(s[i], top);
      const float max = I::largest(top);
      const V shift = I::splat(max);
      V sum = I::splat(0.0f);
#pragma GCC unroll 4
      for (size_t i = 0; i < kTiles; ++i) {
        const V p = exp_nonpositive<I>(I::sub(s[i], shift));
        sum = i == 0 ? p : I::add(sum, p);
        I::store(weights_[r] + i * kKeyTile, p);
      }
      const V c = exp_nonpositive<I>(I::sub(I::splat(max_[r]), shift));
      sum_[r] = I::fma(sum_[r], c, sum);
      shrink_[r] = I::first(c);
      max_[r] = max;
    }
  }

  static void mask(V (&s)[kTiles], size_t from, size_t to) {
    for (size_t i = 0; i < kTiles; ++i) {
      const size_t at = i * kKeyTile;
      const size_t low = from > at ? smaller(from - at, kLanes) : 0;
      const size_t high = to > at ? smaller(to - at, kLanes) : 0;
      s[i] = I::keep_lanes(s[i], low, high, kMinusInfinity);
    }
  }

  // out = out * shrink + weights * values. Keys that all rows see are taken together; the ragged
  // rest row by row, since what a row does not see must not touch its sums.
  void values(size_t block) {
    size_t from = block;
    size_t to = block + kKeyBlock;
    bool together = true;
    for (size_t r = 0; r < R; ++r) {
      together = together && sees(r, block) && first_[r] <= block;
      to = smaller(to, end_[r]);
    }
    if (!together) {
      for (size_t r = 0; r < R; ++r) {
        if (!sees(r, block)) continue;
        const size_t end = smaller(block + kKeyBlock, end_[r]);
        add_values<1>(r, block, larger(block, first_[r]), end, shrink_ + r);
      }
      return;
    }
    add_values<R>(0, block, from, to, shrink_);
    constexpr float kKeep[] = {1.0f};
    for (size_t r = 0; r < R; ++r) {
      const size_t end = smaller(block + kKeyBlock, end_[r]);
      if (to < end) add_values<1>(r, block, to, end, kKeep);
    }
  }

  template <size_t N>
  void add_values(size_t r0, size_t block, size_t from, size_t to, const float* shrink) {
    constexpr size_t wide = side_by_side<I, N>();
    size_t d = 0;
    for (; d + wide * kLanes <= args_.head_dim; d += wide * kLanes) {
      add_dims<N, wide>(r0, block, {from, to, d}, shrink);
    }
    for (; d < args_.head_dim; d += kLanes) add_dims<N, 1>(r0, block, {from, to, d}, shrink);
  }

  struct Piece {
    size_t from;
    size_t to;
    size_t dim;
  };

  template <size_t N, size_t U>
  void add_dims(size_t r0, size_t block, const Piece& piece, const float* shrink) {
    V acc[N][U];
#pragma GCC unroll 8
    for (size_t r = 0; r < N; ++r) {
      const V c = I::splat(shrink[r]);
      const float* const out = args_.out[row0_ + r0 + r] + piece.dim;
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) acc[r][u] = I::mul(I::load(out + u * kLanes), c);
    }
    const uint16_t* value = args_.values + piece.from * args_.head_dim + piece.dim;
    for (size_t key = piece.from; key < piece.to; ++key, value += args_.head_dim) {
      V v[U];
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) v[u] = I::load_f16(value + u * kLanes);
      if constexpr (kFew) {
        const uint16_t* const next = value + kKeyBlock * args_.head_dim;
        for (size_t u = 0; u < U; u += 2) I::prefetch(next + u * kLanes);
      }
#pragma GCC unroll 8
      for (size_t r = 0; r < N; ++r) {
        const V p = I::splat(weights_[r0 + r][key - block]);
#pragma GCC unroll 4
        for (size_t u = 0; u < U; ++u) acc[r][u] = I::fma(p, v[u], acc[r][u]);
      }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < N; ++r) {
      float* const out = args_.out[row0_ + r0 + r] + piece.dim;
#pragma GCC unroll 4
      for (size_t u = 0; u < U; ++u) I::store(out + u * kLanes, acc[r][u]);
    }
  }

  const AttendArgs& args_;
  const size_t row0_;
  size_t first_[R];
  size_t end_[R];
  float max_[R];
  float shrink_[R];
  V sum_[R];
  alignas(64) float weights_[R][kKeyBlock];
  alignas(64) float query_[kMaxHeadDim * R];  // [dim][row], scaled
};

template <class I, size_t R>
void attend_rows(const AttendArgs& args, size_t row, size_t count) {
  if constexpr (R > 1) {
    if (count < R) return attend_rows<I, R - 1>(args, row, count);
  }
  Attend<I, R>(args, row).run();
}

template <class I>
void attend(const AttendArgs& args) {
  for (size_t row = 0; row < args.count; row += I::kRows) {
    attend_rows<I, I::kRows>(args, row, smaller(args.count - row, I::kRows));
  }
}

}  // namespace
}  // namespace etb::kernels
