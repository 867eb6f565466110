// The attention operators of stock files against attention in double precision, and what they
// refuse.
#include "kernels/llama/sdpa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/llama/llama_ops.h"
#include "kernels/llama/test_rows.h"

namespace etb::kernels {
namespace {

using testing::call;
using testing::Call;
using testing::Rows;
using testing::ScalarType;

struct Shape {
  int32_t batch = 1, queries = 5, cache = 24, heads = 6, kv_heads = 2, dim = 20;
};

// Whether a query sees a key, and what is added to its score if so.
using Bias = std::function<double(int32_t query, int32_t key)>;
constexpr double kUnseen = -std::numeric_limits<double>::infinity();

using Read = std::function<double(const Rows& rows, size_t element)>;

const std::array<Read, 3> kPlain = {[](const Rows& r, size_t i) { return r.get(i); },
                                    [](const Rows& r, size_t i) { return r.get(i); },
                                    [](const Rows& r, size_t i) { return r.get(i); }};

struct Reference {
  const Shape& shape;
  const Rows &q, &k, &v;
  double scale;
  Bias bias;
  std::array<Read, 3> read = kPlain;
};

// [query head][element] of one query and head, the definition written down.
void attend(const Reference& r, int32_t query, int32_t head, std::vector<double>& out) {
  const Shape& s = r.shape;
  const auto dim = static_cast<size_t>(s.dim);
  const int32_t batch = query / s.queries, kv_head = head / (s.heads / s.kv_heads);
  const size_t at = static_cast<size_t>(query * s.heads + head) * dim;
  const auto key_at = [&](int32_t key) {
    return static_cast<size_t>((batch * s.cache + key) * s.kv_heads + kv_head) * dim;
  };
  std::vector<double> weights;
  double sum = 0;
  for (int32_t j = 0; j < s.cache; ++j) {
    double score = 0;
    for (size_t d = 0; d < dim; ++d)
      score += r.read[0](r.q, at + d) * r.read[1](r.k, key_at(j) + d);
    const double bias = r.bias(query % s.queries, j);
    weights.push_back(bias == kUnseen ? 0 : std::exp(score * r.scale + bias));
    sum += weights.back();
  }
  for (int32_t j = 0; j < s.cache; ++j) {
    const double weight = weights[static_cast<size_t>(j)];
    for (size_t d = 0; weight > 0 && d < dim; ++d) {
      out[at + d] += weight / sum * r.read[2](r.v, key_at(j) + d);
    }
  }
}

std::vector<double> expected(const Reference& r) {
  std::vector<double> out(r.q.size());
  for (int32_t query = 0; query < r.shape.batch * r.shape.queries; ++query) {
    for (int32_t head = 0; head < r.shape.heads; ++head) attend(r, query, head, out);
  }
  return out;
}

void expect_near(const std::vector<double>& wanted, const Rows& out, double tolerance) {
  ASSERT_EQ(wanted.size(), out.size());
  for (size_t i = 0; i < wanted.size(); ++i) ASSERT_NEAR(wanted[i], out.get(i), tolerance) << i;
}

// Tensors and arguments of one call.
struct Sdpa {
  explicit Sdpa(const Shape& shape_in, ScalarType type = ScalarType::Float, uint32_t seed = 1)
      : shape(shape_in),
        q(type, {shape.batch, shape.queries, shape.heads, shape.dim}, seed),
        k(type, {shape.batch, shape.cache, shape.kv_heads, shape.dim}, seed + 1),
        v(type, {shape.batch, shape.cache, shape.kv_heads, shape.dim}, seed + 2),
        out(type, {shape.batch, shape.queries, shape.heads, shape.dim}, seed + 3) {}

  Call arguments() {
    return {q.value(), k.value(),  v.value(), &start,     mask == nullptr ? &none : mask->value(),
            &dropout,  &is_causal, &scale,    out.value()};
  }
  et::Error run() { return call(custom_sdpa_op, arguments()); }

  Shape shape;
  Rows q, k, v, out;
  et::EValue none;
  et::EValue start{int64_t{0}};
  et::EValue dropout{0.0};
  et::EValue is_causal{true};
  et::EValue scale;
  std::unique_ptr<testing::TestTensor> mask;
};

TEST(CustomSdpa, EqualsAttentionInDoubles) {
  const Shape shapes[] = {{},
                          {.queries = 1, .cache = 200},
                          {.batch = 2, .heads = 2, .dim = 64},
                          {.queries = 70, .cache = 130, .dim = 7}};
  for (const Shape& shape : shapes) {
    for (const int32_t start : {0, 3, shape.cache - shape.queries}) {
      for (const bool causal : {true, false}) {
        Sdpa sdpa(shape, ScalarType::Float, static_cast<uint32_t>(start + 10));
        sdpa.start = et::EValue(int64_t{start});
        sdpa.is_causal = et::EValue(causal);
        ASSERT_EQ(sdpa.run(), et::Error::Ok);
        const auto seen = [&](int32_t i, int32_t j) {
          return j < (causal ? start + i + 1 : start + shape.queries) ? 0 : kUnseen;
        };
        expect_near(expected({shape, sdpa.q, sdpa.k, sdpa.v, 1 / std::sqrt(shape.dim), seen}),
                    sdpa.out, 2e-6);
      }
    }
  }
}

TEST(CustomSdpa, TakesHalfPrecisionToo) {
  for (const auto& [type, tolerance] :
       {std::pair(ScalarType::Half, 2e-3), std::pair(ScalarType::BFloat16, 2e-2)}) {
    Sdpa sdpa({}, type);
    sdpa.start = et::EValue(int64_t{7});
    sdpa.scale = et::EValue(0.3);
    ASSERT_EQ(sdpa.run(), et::Error::Ok);
    const auto seen = [](int32_t i, int32_t j) { return j <= 7 + i ? 0 : kUnseen; };
    expect_near(expected({sdpa.shape, sdpa.q, sdpa.k, sdpa.v, 0.3, seen}), sdpa.out, tolerance);
  }
}

// Sliding windows and rings come as masks: they see any row of the cache, wherever it starts.
TEST(CustomSdpa, AMaskIsAddedAndSeesTheWholeCache) {
  const Shape shape;
  Sdpa sdpa(shape);
  const size_t count = static_cast<size_t>(shape.queries * shape.cache);
  std::vector<float> mask(count);
  for (size_t i = 0; i < count; ++i) {
    mask[i] =
        i % 3 == 0 ? -std::numeric_limits<float>::infinity() : static_cast<float>(i % 7) * 0.25f;
    if (i < static_cast<size_t>(shape.cache)) mask[i] = -std::numeric_limits<float>::infinity();
  }
  sdpa.mask = std::make_unique<testing::TestTensor>(
      ScalarType::Float, std::vector<int32_t>{shape.queries, shape.cache}, mask.data());
  sdpa.is_causal = et::EValue(false);
  sdpa.start = et::EValue(int64_t{1000});  // means nothing here
  ASSERT_EQ(sdpa.run(), et::Error::Ok);
  const auto bias = [&](int32_t i, int32_t j) {
    return double{mask[static_cast<size_t>(i * shape.cache + j)]};
  };
  const auto wanted = expected({shape, sdpa.q, sdpa.k, sdpa.v, 1 / std::sqrt(shape.dim), bias});
  expect_near(wanted, sdpa.out, 2e-6);
  EXPECT_EQ(wanted.front(), 0) << "the first query sees no key";
}

TEST(CustomSdpa, WhatIsNotSeenMayHoldAnything) {
  Sdpa clean({}), spoiled({});
  for (size_t i = 10 * 2 * 20; i < spoiled.k.size(); ++i) {
    spoiled.k.set(i, std::numeric_limits<float>::quiet_NaN());
    spoiled.v.set(i, std::numeric_limits<float>::infinity());
  }
  for (Sdpa* sdpa : {&clean, &spoiled}) {
    sdpa->start = et::EValue(int64_t{5});
    ASSERT_EQ(sdpa->run(), et::Error::Ok);
  }
  EXPECT_EQ(clean.out.bytes(), spoiled.out.bytes());
}

TEST(CustomSdpa, ThreadsAndCutsGiveTheSameBits) {
  const Shape whole{.queries = 40, .cache = 64};
  Sdpa one(whole);
  ASSERT_EQ(one.run(), et::Error::Ok);
  for (const unsigned threads : {1u, 2u, 4u}) {
    const ExecutionScope scope({.threads = threads, .path = {}, .cancel = nullptr});
    Sdpa again(whole);
    ASSERT_EQ(again.run(), et::Error::Ok);
    EXPECT_EQ(again.out.bytes(), one.out.bytes()) << threads;
  }
  const size_t row = 6 * 20;
  for (int32_t i = 0; i < whole.queries; ++i) {
    Sdpa single({.queries = 1, .cache = 64});
    for (size_t d = 0; d < row; ++d) {
      single.q.set(d, static_cast<float>(one.q.get(static_cast<size_t>(i) * row + d)));
    }
    for (size_t d = 0; d < one.k.size(); ++d) {
      single.k.set(d, static_cast<float>(one.k.get(d)));
      single.v.set(d, static_cast<float>(one.v.get(d)));
    }
    single.start = et::EValue(int64_t{i});
    ASSERT_EQ(single.run(), et::Error::Ok);
    for (size_t d = 0; d < row; ++d) {
      ASSERT_EQ(single.out.get(d), one.out.get(static_cast<size_t>(i) * row + d)) << i;
    }
  }
}

TEST(CustomSdpa, EveryPathGivesTheOraclesBits) {
  for (const int32_t dim : {7, 16, 64, 83, 128, 200}) {
    for (const ScalarType type : {ScalarType::Float, ScalarType::Half, ScalarType::BFloat16}) {
      const Shape shape{.queries = dim == 64 ? 1 : 19, .cache = 150, .dim = dim};
      std::vector<uint8_t> oracle;
      for (const Path path : available_paths()) {
        const ExecutionScope scope({.threads = 1, .path = path, .cancel = nullptr});
        Sdpa sdpa(shape, type);
        sdpa.start = et::EValue(int64_t{shape.cache - shape.queries - 3});
        ASSERT_EQ(sdpa.run(), et::Error::Ok);
        if (oracle.empty()) oracle = sdpa.out.bytes();
        EXPECT_EQ(sdpa.out.bytes(), oracle) << path_name(path) << ", rows of " << dim;
      }
    }
  }
}

TEST(CustomSdpa, RefusesWhatWouldReadBeyondItsTensors) {
  const auto refused = [](const std::function<void(Sdpa&)>& spoil, const Shape& shape = {}) {
    Sdpa sdpa(shape);
    spoil(sdpa);
    EXPECT_EQ(sdpa.run(), et::Error::InvalidArgument);
  };
  refused([](Sdpa& s) { s.start = et::EValue(int64_t{20}); });
  refused([](Sdpa& s) { s.start = et::EValue(int64_t{-1}); });
  refused([](Sdpa& s) { s.start = et::EValue(INT64_MAX); });
  refused([](Sdpa& s) { s.dropout = et::EValue(0.5); });
  refused([](Sdpa&) {}, {.heads = 5});
  refused([](Sdpa&) {}, {.dim = 513});
  float mask[4] = {};
  refused([&](Sdpa& s) {
    s.is_causal = et::EValue(false);
    s.mask =
        std::make_unique<testing::TestTensor>(ScalarType::Float, std::vector<int32_t>{2, 2}, mask);
  });
  Sdpa sdpa({});
  Rows other(ScalarType::Half, {1, 24, 2, 20}, 1);
  for (size_t argument : {size_t{1}, size_t{2}}) {
    Call arguments = sdpa.arguments();
    arguments[argument] = other.value();
    EXPECT_EQ(call(custom_sdpa_op, arguments), et::Error::InvalidArgument);
  }
  Rows wide(ScalarType::Float, {1, 24, 2, 21}, 1);
  Call arguments = sdpa.arguments();
  arguments[2] = wide.value();
  EXPECT_EQ(call(custom_sdpa_op, arguments), et::Error::InvalidArgument);
}

TEST(CustomQuantizedSdpa, EqualsAttentionOnDequantisedRows) {
  const Shape shape;
  for (const bool heads_first : {false, true}) {
    const auto sizes = [&](int32_t tokens, int32_t heads, int32_t last) {
      return heads_first ? std::vector<int32_t>{1, heads, tokens, last}
                         : std::vector<int32_t>{1, tokens, heads, last};
    };
    const int32_t tokens[] = {shape.queries, shape.cache, shape.cache};
    const int32_t heads[] = {shape.heads, shape.kv_heads, shape.kv_heads};
    std::deque<Rows> rows, zeros, scales;
    for (size_t i = 0; i < 3; ++i) {
      const auto seed = static_cast<uint32_t>(10 * i);
      rows.emplace_back(ScalarType::Char, sizes(tokens[i], heads[i], shape.dim), seed);
      zeros.emplace_back(ScalarType::Char, sizes(tokens[i], heads[i], 1), seed + 1);
      scales.emplace_back(ScalarType::Float, sizes(tokens[i], heads[i], 1), seed + 2);
      for (size_t j = 0; j < scales[i].size(); ++j) {
        scales[i].set(j, 0.01f + 0.01f * static_cast<float>(std::fabs(scales[i].get(j))));
      }
    }
    Rows out(ScalarType::Float, sizes(shape.queries, shape.heads, shape.dim), 5);
    et::EValue start(int64_t{9}), none, dropout(0.0), causal(true), order(heads_first);
    Call arguments = {rows[0].value(), rows[1].value(), rows[2].value(), &start,
                      &none,           &dropout,        &causal,         &none};
    for (size_t i = 0; i < 3; ++i) {
      arguments.push_back(zeros[i].value());
      arguments.push_back(scales[i].value());
    }
    arguments.push_back(&order);
    arguments.push_back(out.value());
    ASSERT_EQ(call(custom_quantized_sdpa_op, arguments), et::Error::Ok);

    // The reference sees [token][head]; where a row lies is all that differs.
    const auto place = [&](size_t i, size_t element) {
      if (!heads_first) return element;
      const size_t row = element / 20, d = element % 20;
      const auto many = static_cast<size_t>(heads[i]);
      return (row % many * static_cast<size_t>(tokens[i]) + row / many) * 20 + d;
    };
    std::array<Read, 3> read;
    for (size_t i = 0; i < 3; ++i) {
      read[i] = [&, i](const Rows&, size_t element) {
        const size_t p = place(i, element);
        return (rows[i].get(p) - zeros[i].get(p / 20)) * scales[i].get(p / 20);
      };
    }
    const auto seen = [](int32_t query, int32_t key) { return key <= 9 + query ? 0 : kUnseen; };
    const auto wanted =
        expected({shape, rows[0], rows[1], rows[2], 1 / std::sqrt(shape.dim), seen, read});
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_NEAR(wanted[i], out.get(place(0, i)), 1e-5) << i << " " << heads_first;
    }
    arguments[9] = zeros[0].value();  // scales of the wrong type
    EXPECT_EQ(call(custom_quantized_sdpa_op, arguments), et::Error::InvalidArgument);
  }
}

TEST(SdpaWithKvCache, IsBothUpdatesAndThenAttention) {
  const Shape shape;
  Sdpa apart(shape);
  Rows k(ScalarType::Float, {1, shape.queries, shape.kv_heads, shape.dim}, 20);
  Rows v(ScalarType::Float, {1, shape.queries, shape.kv_heads, shape.dim}, 21);
  Sdpa together(shape);
  et::EValue start(int64_t{6}), tokens(int64_t{shape.queries});
  Call arguments = {together.q.value(),
                    k.value(),
                    v.value(),
                    together.k.value(),
                    together.v.value(),
                    &start,
                    &tokens,
                    &together.none,
                    &together.dropout,
                    &together.is_causal,
                    &together.scale,
                    together.out.value()};
  ASSERT_EQ(call(sdpa_with_kv_cache_op, arguments), et::Error::Ok);
  apart.start = et::EValue(int64_t{6});
  ASSERT_EQ(call(update_cache_op, {k.value(), apart.k.value(), &apart.start, k.value()}),
            et::Error::Ok);
  ASSERT_EQ(call(update_cache_op, {v.value(), apart.v.value(), &apart.start, v.value()}),
            et::Error::Ok);
  ASSERT_EQ(apart.run(), et::Error::Ok);
  EXPECT_EQ(together.out.bytes(), apart.out.bytes());
  EXPECT_EQ(together.k.bytes(), apart.k.bytes());
  et::EValue wrong(int64_t{shape.queries + 1});
  arguments[6] = &wrong;
  EXPECT_EQ(call(sdpa_with_kv_cache_op, arguments), et::Error::InvalidArgument);
}

}  // namespace
}  // namespace etb::kernels
