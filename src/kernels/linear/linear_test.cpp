// Matrix products: every path gives the oracle's bits for every packed format, tile size and ragged
// row count; the oracle agrees with dequantised weights in double.
#include "kernels/linear/linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/linear/block.h"
#include "kernels/testing/paths.h"
#include "kernels/testing/random_blob.h"

namespace etb::kernels {
namespace {

using testing::bits;
using testing::Random;

// A random product: weights, activations in both forms.
struct Product {
  Product(WeightFormat format, size_t rows, size_t cols, size_t tokens, uint64_t seed)
      : random(seed), blob(testing::random_blob(format, rows, cols, random)) {
    matrix = *layout::open_blob(blob);
    plain = random.reals(tokens * cols, 2.0f);
    quant.resize(tokens * cols / 32 * kActBlockBytes / 8 + 8);
    input = {reinterpret_cast<uint8_t*>(quant.data()), plain.data(), tokens, cols};
    quantise_all(*scalar_table(), 1, input);
  }
  std::vector<float> run(const KernelTable& table) const {
    std::vector<float> out(input.tokens * matrix.rows, -1.0f);
    for_units(table, matrix, input, {0, row_units(matrix)},
              [&](const RowTile& tile) { store_tile(tile, out.data(), matrix.rows); });
    return out;
  }
  Random random;
  std::vector<uint8_t> blob;
  layout::Matrix matrix;
  std::vector<float> plain;
  std::vector<uint64_t> quant;
  Activations input;
};

class LinearFormat : public ::testing::TestWithParam<WeightFormat> {};

TEST_P(LinearFormat, OracleAgreesWithDoubleOnDequantisedWeights) {
  const Product product(GetParam(), 21, 256, 9, 31);
  const std::vector<float> out = product.run(*scalar_table());
  for (size_t t = 0; t < 9; ++t) {
    for (size_t row = 0; row < 21; ++row) {
      double exact = 0;
      double size = 0;
      for (size_t col = 0; col < 256; ++col) {
        double y = static_cast<double>(product.plain[t * 256 + col]);
        if (!is_float(GetParam())) {  // what the quantised activation stands for
          const size_t tile = t - Activations::tile_begin(t);
          const ActBlock block =
              act_block(product.input.block(t, col / 32), product.input.tile_tokens(t), tile);
          y = static_cast<double>(*block.s) * block.q[col % 32];
        }
        const double term = y * static_cast<double>(layout::element(product.matrix, row, col));
        exact += term;
        size += std::fabs(term);
      }
      EXPECT_NEAR(static_cast<double>(out[t * 21 + row]), exact, 2e-6 * size);
    }
  }
}

TEST_P(LinearFormat, EveryPathGivesTheOraclesBits) {
  testing::for_each_vector_path([](const KernelTable& table) {
    Random random(77);
    for (int round = 0; round < 30; ++round) {
      const size_t rows = random.between(1, 70);
      const size_t cols = 32 * random.between(1, 9);
      const size_t tokens = random.between(1, 20);
      const Product product(GetParam(), rows, cols, tokens, random.bits());
      ASSERT_EQ(bits(product.run(table)), bits(product.run(*scalar_table())))
          << path_name(table.path) << " " << rows << " x " << cols << ", " << tokens << " tokens";
    }
  });
}

// All products at their largest: no sum may overflow or saturate.
class QuantisedFormat : public ::testing::TestWithParam<WeightFormat> {};

TEST_P(QuantisedFormat, ExtremeValuesDoNotSaturate) {
  const auto spoil = [](Product& product) {
    const size_t head =
        GetParam() == WeightFormat::W4S || GetParam() == WeightFormat::W8S ? 16 : 32;
    const size_t step = layout::block_bytes(GetParam());
    for (size_t b = 0; b < product.matrix.groups() * product.matrix.cols / 32; ++b) {
      uint8_t* const qs = product.blob.data() + sizeof(layout::BlobHeader) + b * step + head;
      for (size_t i = 0; i < step - head; ++i) {
        qs[i] = (b + i / 64) % 3 == 0 ? 0xFF : (b + i / 64) % 3 == 1 ? 0x80 : 0x7F;
      }
    }
    for (size_t i = 0; i < product.plain.size(); ++i) {
      product.plain[i] = i / 32 % 2 == 0 ? 127.0f : -127.0f;
    }
    quantise_all(*scalar_table(), 1, product.input);
  };
  testing::for_each_vector_path([&](const KernelTable& table) {
    Product product(GetParam(), 16, 128, 3, 5);
    spoil(product);
    EXPECT_EQ(bits(product.run(table)), bits(product.run(*scalar_table())))
        << path_name(table.path);
  });
}

TEST_P(LinearFormat, ATokenDoesNotDependOnItsTile) {
  for (const Path path : available_paths()) {
    const Product eleven(GetParam(), 40, 96, 11, 8);
    const std::vector<float> together = eleven.run(*table_for(path));
    for (size_t t = 0; t < 11; ++t) {
      Product one(GetParam(), 40, 96, 1, 8);
      std::copy_n(eleven.plain.begin() + static_cast<ptrdiff_t>(t * 96), 96, one.plain.begin());
      quantise_all(*scalar_table(), 1, one.input);
      one.matrix = eleven.matrix;
      EXPECT_EQ(bits(one.run(*table_for(path))), bits(together.data() + t * 40, 40))
          << path_name(path) << " token " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearFormat, ::testing::ValuesIn(testing::kEveryFormat),
                         [](const auto& param) {
                           return std::string(layout::format_name(param.param));
                         });

INSTANTIATE_TEST_SUITE_P(Formats, QuantisedFormat,
                         ::testing::Values(WeightFormat::W4S, WeightFormat::W4A, WeightFormat::W8S,
                                           WeightFormat::W8G16, WeightFormat::W8A),
                         [](const auto& param) {
                           return std::string(layout::format_name(param.param));
                         });

TEST(ForUnits, WalksSeveralMatricesAsOne) {
  Random random(9);
  const std::vector<uint8_t> first = testing::random_blob(WeightFormat::W4A, 24, 64, random);
  const std::vector<uint8_t> second = testing::random_blob(WeightFormat::F32, 50, 64, random);
  const layout::Matrix matrices[] = {*layout::open_blob(first), *layout::open_blob(second)};
  const Product product(WeightFormat::W8S, 8, 64, 3, 10);
  std::vector<int> seen(24 + 50);
  const size_t units = row_units(matrices[0]) + row_units(matrices[1]);
  ASSERT_EQ(units, 2u + 4u);
  for (size_t unit = 0; unit < units; ++unit) {
    for_units(*scalar_table(), matrices, product.input, {unit, unit + 1},
              [&](size_t which, const RowTile& tile) {
                for (size_t i = 0; i < tile.rows; ++i) ++seen[which * 24 + tile.row + i];
              });
  }
  for (const int count : seen) EXPECT_EQ(count, 1);
}

}  // namespace
}  // namespace etb::kernels
