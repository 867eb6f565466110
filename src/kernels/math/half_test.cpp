// Halves on every path as layout/half.h has them: all 65,536 read, and floats of every kind stored.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "kernels/testing/paths.h"
#include "kernels/testing/random_blob.h"

namespace etb::kernels {
namespace {

using testing::for_each_vector_path;
using testing::Random;

std::vector<uint16_t> stored(const KernelTable& table, const std::vector<float>& values) {
  std::vector<uint16_t> halves(values.size());
  table.store_f16(values.data(), values.size(), halves.data(), 1);
  return halves;
}

std::vector<float> every_half() {
  std::vector<float> values;
  for (uint32_t half = 0; half <= 0xffff; ++half) {
    values.push_back(f32_from_f16(static_cast<uint16_t>(half)));
  }
  return values;
}

// Bit patterns of all kinds: signalling and quiet NaNs, subnormals, ties between two halves.
std::vector<float> random_floats(size_t count) {
  Random random(41);
  std::vector<float> values;
  while (values.size() < count) {
    const auto bits = static_cast<uint32_t>(random.bits());
    values.push_back(std::bit_cast<float>(bits));
    // The same mantissa where halves have values; and a NaN of either kind.
    values.push_back(std::bit_cast<float>((bits & 0x87ffffffu) | 0x38000000u));
    values.push_back(std::bit_cast<float>((bits & 0xffffe000u) | 0x1000u));
    values.push_back(std::bit_cast<float>(bits | 0x7f800000u));
  }
  return values;
}

TEST(Half, StoringWhatWasReadGivesItBack) {
  const std::vector<uint16_t> halves = stored(*scalar_table(), every_half());
  for (uint32_t half = 0; half <= 0xffff; ++half) {
    const bool nan = (half & 0x7fffu) > 0x7c00u;
    ASSERT_EQ(halves[half], nan ? layout::kHalfNan : half);
  }
}

TEST(Half, EveryPathStoresTheSameBits) {
  for_each_vector_path([](const KernelTable& table) {
    for (const std::vector<float>& values : {every_half(), random_floats(400'000)}) {
      ASSERT_EQ(stored(table, values), stored(*scalar_table(), values)) << path_name(table.path);
    }
  });
}

// Sixteen weights times one: what a linear kernel makes of each half, a NaN's own bits included.
TEST(Half, EveryPathReadsTheSameBits) {
  constexpr size_t kGroup = layout::kBlock * layout::kRowGroup;
  std::vector<float> input(layout::kBlock, 0.0f);
  input[0] = 1.0f;
  for_each_vector_path([&](const KernelTable& table) {
    for (uint32_t first = 0; first <= 0xffff; first += kRowTile) {
      std::vector<uint16_t> weights(2 * kGroup, 0);
      for (uint32_t row = 0; row < kRowTile; ++row) {
        weights[row / 8 * kGroup + row % 8] = static_cast<uint16_t>(first + row);
      }
      const auto* const bytes = reinterpret_cast<const uint8_t*>(weights.data());
      alignas(64) float out[kRowTile];
      const LinearArgs args{{bytes, bytes + 2 * kGroup}, 1, nullptr, input.data(), 32, out};
      table.linear[static_cast<size_t>(layout::WeightFormat::F16)][0](args);
      for (uint32_t row = 0; row < kRowTile; ++row) {
        const float weight = f32_from_f16(static_cast<uint16_t>(first + row));
        ASSERT_EQ(std::bit_cast<uint32_t>(out[row]), std::bit_cast<uint32_t>(weight + 0.0f))
            << path_name(table.path) << " " << first + row;
      }
    }
  });
}

}  // namespace
}  // namespace etb::kernels
