// What writes into caches, and the Hadamard transform: right values, and nothing beyond the cache.
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/llama/hadamard.h"
#include "kernels/llama/llama_ops.h"
#include "kernels/llama/test_rows.h"

namespace etb::kernels {
namespace {

using testing::call;
using testing::Rows;
using testing::ScalarType;

TEST(UpdateCache, CopiesTheTokensOfEachBatchAndNothingElse) {
  for (const ScalarType type : {ScalarType::Float, ScalarType::Half, ScalarType::Char}) {
    Rows value(type, {2, 3, 2, 4}, 1), cache(type, {2, 8, 2, 4}, 2), before(type, {2, 8, 2, 4}, 2);
    Rows out(type, {2, 3, 2, 4}, 3);
    et::EValue start(int64_t{5});
    ASSERT_EQ(call(update_cache_op, {value.value(), cache.value(), &start, out.value()}),
              et::Error::Ok);
    for (size_t i = 0; i < cache.size(); ++i) {
      const size_t batch = i / 64, token = i / 8 % 8, rest = i % 8;
      const double wanted =
          token >= 5 ? value.get((batch * 3 + token - 5) * 8 + rest) : before.get(i);
      ASSERT_EQ(cache.get(i), wanted) << i;
    }
  }
}

TEST(UpdateCache, RefusesWhatDoesNotFit) {
  Rows value(ScalarType::Float, {1, 3, 2, 4}, 1), cache(ScalarType::Float, {1, 8, 2, 4}, 2);
  const std::vector<uint8_t> before = cache.bytes();
  for (const int64_t start : {int64_t{6}, int64_t{8}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    et::EValue at(start);
    EXPECT_EQ(call(update_cache_op, {value.value(), cache.value(), &at, value.value()}),
              et::Error::InvalidArgument)
        << start;
  }
  et::EValue zero(int64_t{0});
  Rows halves(ScalarType::Half, {1, 3, 2, 4}, 1), long_rows(ScalarType::Float, {1, 3, 2, 5}, 1),
      two(ScalarType::Float, {2, 3, 2, 4}, 1), many(ScalarType::Float, {1, 9, 2, 4}, 1);
  for (Rows* other : {&halves, &long_rows, &two, &many}) {
    EXPECT_EQ(call(update_cache_op, {other->value(), cache.value(), &zero, value.value()}),
              et::Error::InvalidArgument);
  }
  EXPECT_EQ(cache.bytes(), before);
}

TEST(UpdateCacheWithIndices, PutsEachTokenWhereItsIndexSays) {
  Rows value(ScalarType::Float, {1, 3, 2, 4}, 1), cache(ScalarType::Float, {1, 8, 2, 4}, 2);
  int64_t rows[] = {7, 0, 3};
  testing::TestTensor indices(ScalarType::Long, {1, 3}, rows);
  et::EValue start(int64_t{1000});  // means nothing here
  const auto run = [&] {
    return call(update_cache_with_indices_op,
                {value.value(), cache.value(), &start, indices.value(), value.value()});
  };
  ASSERT_EQ(run(), et::Error::Ok);
  for (size_t token = 0; token < 3; ++token) {
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(cache.get(static_cast<size_t>(rows[token]) * 8 + i), value.get(token * 8 + i));
    }
  }
  const std::vector<uint8_t> before = cache.bytes();
  value.fill(9);
  for (const int64_t wrong : {int64_t{8}, int64_t{-1}, INT64_MIN}) {
    rows[2] = wrong;
    EXPECT_EQ(run(), et::Error::InvalidArgument) << wrong;
  }
  EXPECT_EQ(cache.bytes(), before) << "all indices are checked before any row is written";
}

// A hostile program can plan both into the same memory: the first row then replaces the second's
// index, which had been checked.
TEST(UpdateCacheWithIndices, RefusesAnIndexThatARowReplacedWhileWriting) {
  constexpr size_t kCacheBytes = 4 * 4 * sizeof(float);
  std::vector<int64_t> memory(kCacheBytes / sizeof(int64_t));  // the cache: 4 rows of 4 floats
  memory[1] = 1;                                               // indices 0 and 1
  std::vector<int64_t> row_bits(4, int64_t{1} << 40);
  testing::TestTensor value(ScalarType::Float, {1, 2, 1, 4}, row_bits.data());
  testing::TestTensor cache(ScalarType::Float, {1, 4, 1, 4}, memory.data());
  testing::TestTensor indices(ScalarType::Long, {1, 2}, memory.data());
  et::EValue start(int64_t{0});
  EXPECT_EQ(call(update_cache_with_indices_op,
                 {value.value(), cache.value(), &start, indices.value(), value.value()}),
            et::Error::InvalidArgument);
  EXPECT_EQ(memory[1], int64_t{1} << 40) << "the first row was written over its neighbour's index";
  EXPECT_EQ(std::vector<int64_t>(memory.begin() + 2, memory.end()), std::vector<int64_t>(6));
}

// Its own inverse up to a factor: W W = 2^k, and the rows of the 28 x 28 matrix are orthogonal.
TEST(Hadamard, HasOrthogonalRows) {
  for (const size_t count : {1, 2, 64, 28, 56, 224}) {
    std::vector<std::vector<float>> rows;
    for (size_t i = 0; i < count; ++i) {
      std::vector<float> unit(count);
      unit[i] = 1;
      hadamard(unit.data(), count);
      rows.push_back(unit);
    }
    const double length = count % 28 == 0 ? 28 : 1;
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double product = 0;
        for (size_t d = 0; d < count; ++d) product += double{rows[i][d]} * rows[j][d];
        ASSERT_NEAR(product, i == j ? length : 0, 1e-4) << count << ": " << i << ", " << j;
      }
    }
  }
}

// As the exporter's operator has it: what element 0 and element 1 become.
TEST(Hadamard, HasTheSignsOfTheExporters) {
  const std::pair<size_t, std::string> rows[] = {{0, "+--------++++--+-++-+-++--++"},
                                                 {1, "-+--------+++++-+-++-+-++--+"},
                                                 {27, "--++--+-+--+-+-++++--------+"}};
  for (const auto& [element, signs] : rows) {
    float x[28] = {};
    x[element] = 1;
    hadamard(x, 28);
    for (size_t i = 0; i < 28; ++i)
      EXPECT_EQ(x[i], signs[i] == '+' ? 1 : -1) << element << " " << i;
  }
  float x[4] = {0, 1, 0, 0};
  hadamard(x, 4);
  EXPECT_EQ(std::vector(x, x + 4), (std::vector<float>{0.5f, -0.5f, 0.5f, -0.5f}));
}

TEST(Hadamard, TheOperatorTransformsEachRow) {
  for (const ScalarType type : {ScalarType::Float, ScalarType::Half}) {
    Rows mat(type, {1, 3, 2, 56}, 1), out(type, {1, 3, 2, 56}, 2);
    ASSERT_EQ(call(fast_hadamard_transform_op, {mat.value(), out.value()}), et::Error::Ok);
    for (size_t row = 0; row < 6; ++row) {
      std::vector<float> wanted(56);
      for (size_t i = 0; i < 56; ++i) wanted[i] = static_cast<float>(mat.get(row * 56 + i));
      hadamard(wanted.data(), 56);
      for (size_t i = 0; i < 56; ++i) {
        ASSERT_NEAR(out.get(row * 56 + i), wanted[i], type == ScalarType::Half ? 2e-2 : 0);
      }
    }
  }
  Rows odd(ScalarType::Float, {1, 1, 2, 48}, 1);
  EXPECT_EQ(call(fast_hadamard_transform_op, {odd.value(), odd.value()}),
            et::Error::InvalidArgument);
}

}  // namespace
}  // namespace etb::kernels
