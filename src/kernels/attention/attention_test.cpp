// The look at the cache: every path gives the oracle's bits over long caches, tile borders and
// windows; the oracle agrees with a plain softmax in double; what is not seen is never touched.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/math/half.h"
#include "kernels/testing/paths.h"
#include "kernels/testing/random_blob.h"

namespace etb::kernels {
namespace {

using testing::bits;
using testing::Random;

// A call with a filled cache: positions before the chunk hold random halves, all beyond are NaN.
struct Scene {
  Scene(const AttentionShape& shape, size_t position, size_t tokens, uint64_t seed)
      : random(seed),
        kv(KvCache::bytes(shape) / 2, 0x7FFF),
        qkv(random.reals(tokens * (shape.heads + 2 * shape.kv_heads) * shape.head_dim, 2.0f)),
        rope(tokens * shape.n_rot, 0.0f),
        out(tokens * shape.heads * shape.head_dim) {
    for (size_t t = 0; t < tokens; ++t) {  // no rotation: cos 1, sin 0
      std::fill_n(rope.begin() + static_cast<ptrdiff_t>(t * shape.n_rot), shape.n_rot / 2, 1.0f);
    }
    call.shape = shape;
    call.tokens = tokens;
    call.position = position;
    call.scale = 0.25f;
    call.threads = 1;
    call.rope = rope.data();
    call.cache = KvCache(reinterpret_cast<uint8_t*>(kv.data()), shape);
    call.qkv = qkv.data();
    call.out = out.data();
    call.table = scalar_table();
    for (size_t head = 0; head < shape.kv_heads; ++head) {
      for (size_t at = 0; at < position; ++at) {
        for (size_t d = 0; d < shape.head_dim; ++d) {
          call.cache.key(head, at)[d * kKeyTile] = f16_from_f32(random.real(2.0f));
          call.cache.value(head, at)[d] = f16_from_f32(random.real(2.0f));
        }
      }
    }
    store_positions(call);
  }
  std::vector<float> run(const KernelTable& table) {
    call.table = &table;
    std::fill(out.begin(), out.end(), NAN);
    attend_all(call);
    return out;
  }
  Random random;
  std::vector<uint16_t> kv;
  std::vector<float> qkv;
  std::vector<float> rope;
  std::vector<float> out;
  AttentionCall call{};
};

// Softmax over all keys at once, in double.
std::vector<double> plain_attention(const Scene& scene, size_t t, size_t head) {
  const AttentionShape& shape = scene.call.shape;
  const size_t kv_head = head / shape.group();
  const size_t end = scene.call.position + t + 1;
  const size_t first = shape.window != 0 && end > shape.window ? end - shape.window : 0;
  const float* const q = scene.qkv.data() + t * scene.call.qkv_stride() + head * shape.head_dim;
  std::vector<double> weights;
  double top = -INFINITY;
  for (size_t key = first; key < end; ++key) {
    double score = 0;
    for (size_t d = 0; d < shape.head_dim; ++d) {
      const float k = f32_from_f16(scene.call.cache.key(kv_head, key)[d * kKeyTile]);
      score += static_cast<double>(q[d]) * 0.25 * static_cast<double>(k);
    }
    const auto cap = static_cast<double>(scene.call.softcap);
    if (cap != 0) score = std::tanh(score / cap) * cap;
    weights.push_back(score);
    top = std::max(top, score);
  }
  double total = 0;
  for (double& weight : weights) total += weight = std::exp(weight - top);
  std::vector<double> out(shape.head_dim);
  for (size_t i = 0; i < weights.size(); ++i) {
    for (size_t d = 0; d < shape.head_dim; ++d) {
      const float v = f32_from_f16(scene.call.cache.value(kv_head, first + i)[d]);
      out[d] += weights[i] / total * static_cast<double>(v);
    }
  }
  return out;
}

struct Case {
  AttentionShape shape;
  size_t position;
  size_t tokens;
};

class Scenes : public ::testing::TestWithParam<Case> {};

TEST_P(Scenes, OracleAgreesWithAPlainSoftmaxInDouble) {
  Scene scene(GetParam().shape, GetParam().position, GetParam().tokens, 3);
  const std::vector<float> out = scene.run(*scalar_table());
  const size_t dim = GetParam().shape.head_dim;
  for (size_t t = 0; t < GetParam().tokens; ++t) {
    for (size_t head = 0; head < GetParam().shape.heads; ++head) {
      const std::vector<double> exact = plain_attention(scene, t, head);
      const float* const got = out.data() + (t * GetParam().shape.heads + head) * dim;
      for (size_t d = 0; d < dim; ++d) {
        ASSERT_NEAR(static_cast<double>(got[d]), exact[d], 2e-5) << t << " " << head << " " << d;
      }
    }
  }
}

TEST_P(Scenes, EveryPathGivesTheOraclesBits) {
  testing::for_each_vector_path([](const KernelTable& table) {
    Scene scene(GetParam().shape, GetParam().position, GetParam().tokens, 4);
    const std::vector<uint32_t> expected = bits(scene.run(*scalar_table()));
    ASSERT_EQ(bits(scene.run(table)), expected) << path_name(table.path);
  });
}

TEST_P(Scenes, ThreadsDoNotChangeABit) {
  for (const Path path : available_paths()) {
    Scene scene(GetParam().shape, GetParam().position, GetParam().tokens, 5);
    const std::vector<uint32_t> expected = bits(scene.run(*table_for(path)));
    for (const unsigned threads : {0u, 2u}) {
      scene.call.threads = threads;
      ASSERT_EQ(bits(scene.run(*table_for(path))), expected) << path_name(path);
    }
  }
}

// heads, kv_heads, head_dim, n_rot, context, window; position, tokens: borders of key tiles and
// blocks, one token and many, groups that divide a row tile and that do not, windows on both sides
// of a block, the very last position.
INSTANTIATE_TEST_SUITE_P(
    Borders, Scenes,
    ::testing::Values(Case{{4, 2, 32, 32, 128, 0}, 0, 1}, Case{{4, 2, 32, 32, 128, 0}, 15, 2},
                      Case{{4, 2, 32, 32, 128, 0}, 63, 1}, Case{{4, 2, 32, 32, 128, 0}, 64, 1},
                      Case{{9, 3, 64, 64, 300, 0}, 60, 10}, Case{{9, 3, 64, 64, 1100, 0}, 1099, 1},
                      Case{{9, 3, 64, 64, 700, 0}, 500, 33}, Case{{5, 1, 80, 20, 200, 0}, 120, 7},
                      Case{{8, 8, 16, 16, 200, 0}, 0, 130}, Case{{2, 1, 512, 64, 100, 0}, 70, 3},
                      Case{{6, 2, 32, 32, 300, 1}, 100, 5}, Case{{6, 2, 32, 32, 300, 17}, 100, 90},
                      Case{{6, 2, 32, 32, 400, 64}, 127, 66},
                      Case{{6, 2, 48, 32, 400, 100}, 0, 300},
                      Case{{16, 1, 32, 32, 100, 0}, 99, 1}));

TEST(Softcap, IsAppliedToEveryScoreOnEveryPath) {
  Scene scene({6, 2, 32, 32, 300, 100}, 90, 70, 9);
  const std::vector<float> without = scene.run(*scalar_table());
  scene.call.softcap = 2.0f;
  const std::vector<float> oracle = scene.run(*scalar_table());
  EXPECT_NE(bits(without), bits(oracle));
  for (const size_t t : {0u, 69u}) {
    const std::vector<double> exact = plain_attention(scene, t, 3);
    for (size_t d = 0; d < 32; ++d) {
      EXPECT_NEAR(static_cast<double>(oracle[(t * 6 + 3) * 32 + d]), exact[d], 2e-5) << t;
    }
  }
  testing::for_each_vector_path([&](const KernelTable& table) {
    EXPECT_EQ(bits(scene.run(table)), bits(oracle)) << path_name(table.path);
  });
}

// Biases first, then each head's norm, then the rotation (here none).
TEST(StorePositions, AddsBiasesAndNormalisesHeads) {
  const AttentionShape shape{2, 1, 16, 16, 64, 0};
  Scene scene(shape, 0, 1, 7);
  Random random(10);
  const std::vector<float> bias = random.reals(32);
  const std::vector<float> weights = random.reals(16);
  std::vector<float> expected(scene.qkv.begin(), scene.qkv.begin() + 32);
  for (size_t i = 0; i < 32; ++i) expected[i] += bias[i];
  for (size_t head = 0; head < 2; ++head) {
    float* const q = expected.data() + head * 16;
    scalar_table()->rms_norm(q, weights.data(), 16, 1e-6f, q);
  }
  scene.call.biases[0] = bias.data();
  scene.call.q_norm = weights.data();
  scene.call.eps = 1e-6f;
  const std::vector<float> v_before(scene.qkv.end() - 16, scene.qkv.end());
  store_positions(scene.call);
  EXPECT_EQ(bits({scene.qkv.begin(), scene.qkv.begin() + 32}), bits(expected));
  EXPECT_EQ(bits({scene.qkv.end() - 16, scene.qkv.end()}), bits(v_before));
}

TEST(KvCache, KeysStandInTilesOfSixteenPositionsAndValuesInRows) {
  const AttentionShape shape{2, 2, 32, 32, 70, 0};
  EXPECT_EQ(shape.padded_context(), 128u);
  EXPECT_EQ(KvCache::bytes(shape), 2u * 2u * 128u * 32u * 2u);
  std::vector<uint16_t> memory(KvCache::bytes(shape) / 2);
  const KvCache cache(reinterpret_cast<uint8_t*>(memory.data()), shape);
  EXPECT_EQ(cache.key(0, 0), memory.data());
  EXPECT_EQ(cache.key(0, 15) - memory.data(), 15);
  EXPECT_EQ(cache.key(0, 16) - memory.data(), 16 * 32);
  EXPECT_EQ(cache.key(1, 17) - memory.data(), 128 * 32 + 16 * 32 + 1);
  EXPECT_EQ(cache.value(0, 0) - memory.data(), 2 * 128 * 32);
  EXPECT_EQ(cache.value(1, 69) - memory.data(), 2 * 128 * 32 + 128 * 32 + 69 * 32);
}

TEST(StorePositions, WritesOnlyItsOwnPositions) {
  const AttentionShape shape{2, 1, 16, 16, 64, 0};
  Scene scene(shape, 17, 3, 6);
  for (size_t at = 0; at < 64; ++at) {
    const bool written = at < 20;
    EXPECT_EQ(*scene.call.cache.key(0, at) != 0x7FFF, written) << at;
    EXPECT_EQ(*scene.call.cache.value(0, at) != 0x7FFF, written) << at;
  }
}

}  // namespace
}  // namespace etb::kernels
