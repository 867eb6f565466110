// Whole forwards through the operators: every kernel path gives the bits of the scalar one, and
// neither thread counts nor cuts of the prompt change a bit (design D5).
#include <gtest/gtest.h>

#include "kernels/testing/paths.h"
#include "kernels/testing/small_model.h"

namespace etb::kernels {
namespace {

using testing::bits;
using testing::ModelShape;
using testing::Random;
using testing::SmallModel;

std::vector<float> run(SmallModel& model, Path path, unsigned threads,
                       std::span<const int64_t> tokens, std::span<const size_t> cuts) {
  const ExecutionScope scope({.threads = threads, .path = path, .cancel = nullptr});
  model.poison_caches();
  return model.forward_cut(tokens, cuts);
}

// Random lengths that add up to `count`, every third one a 1.
std::vector<size_t> random_cuts(size_t count, size_t largest, Random& random) {
  std::vector<size_t> cuts;
  while (count > 0) {
    const size_t wanted = cuts.size() % 3 == 2 ? 1 : random.between(1, largest);
    cuts.push_back(std::min(wanted, count));
    count -= cuts.back();
  }
  return cuts;
}

class ForwardFormat : public ::testing::TestWithParam<testing::WeightFormat> {};

TEST_P(ForwardFormat, PathsThreadsAndCutsGiveTheSameBits) {
  ModelShape shape;
  shape.matrices = GetParam();
  shape.table = GetParam();
  SmallModel model(shape, 7);
  Random random(11);
  const std::vector<int64_t> tokens = model.random_tokens(75, 3);
  const std::vector<size_t> whole{64, 11};
  const std::vector<float> oracle = run(model, Path::Scalar, 1, tokens, whole);
  ASSERT_EQ(oracle.size(), tokens.size() * shape.vocab);
  for (const float value : oracle) ASSERT_TRUE(std::isfinite(value));
  for (const Path path : available_paths()) {
    for (const unsigned threads : {1u, 2u, 0u}) {
      const std::vector<size_t> cuts = random_cuts(tokens.size(), 20, random);
      EXPECT_EQ(bits(run(model, path, threads, tokens, whole)), bits(oracle)) << path_name(path);
      EXPECT_EQ(bits(run(model, path, threads, tokens, cuts)), bits(oracle)) << path_name(path);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ForwardFormat, ::testing::ValuesIn(testing::kEveryFormat),
                         [](const auto& param) {
                           return std::string(layout::format_name(param.param));
                         });

// What only some families have, each alone and all of it together with a window.
class ForwardOptions : public ::testing::TestWithParam<ModelShape> {};

TEST_P(ForwardOptions, PathsThreadsAndCutsGiveTheSameBits) {
  SmallModel model(GetParam(), 8);
  SmallModel plain({}, 8);
  Random random(12);
  const std::vector<int64_t> tokens = model.random_tokens(75, 3);
  const std::vector<size_t> whole{64, 11};
  const std::vector<float> oracle = run(model, Path::Scalar, 1, tokens, whole);
  ASSERT_EQ(oracle.size(), tokens.size() * model.shape().vocab);
  for (const float value : oracle) ASSERT_TRUE(std::isfinite(value));
  EXPECT_NE(bits(oracle), bits(run(plain, Path::Scalar, 1, tokens, whole)));
  for (const Path path : available_paths()) {
    const std::vector<size_t> cuts = random_cuts(tokens.size(), 20, random);
    EXPECT_EQ(bits(run(model, path, 0, tokens, whole)), bits(oracle)) << path_name(path);
    EXPECT_EQ(bits(run(model, path, 2, tokens, cuts)), bits(oracle)) << path_name(path);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, ForwardOptions,
                         ::testing::Values(ModelShape{.biases = true},
                                           ModelShape{.head_norms = true},
                                           ModelShape{.post_norms = true}, ModelShape{.gelu = true},
                                           ModelShape{.attention_softcap = 1.5},
                                           ModelShape{.final_softcap = 2.0},
                                           ModelShape{.window = 30,
                                                      .biases = true,
                                                      .head_norms = true,
                                                      .post_norms = true,
                                                      .gelu = true,
                                                      .attention_softcap = 50.0,
                                                      .final_softcap = 30.0}));

TEST(Forward, LastOnlyIsTheLastRowOfAll) {
  SmallModel model({}, 5);
  const std::vector<int64_t> tokens = model.random_tokens(9, 1);
  std::vector<float> all;
  std::vector<float> last;
  ASSERT_EQ(model.forward(tokens, 0, false, all), et::Error::Ok);
  ASSERT_EQ(model.forward(tokens, 0, true, last), et::Error::Ok);
  const std::vector<float> row(all.end() - static_cast<ptrdiff_t>(last.size()), all.end());
  EXPECT_EQ(bits(last), bits(row));
}

TEST(Forward, RewindGivesTheSameBitsAgain) {
  SmallModel model({}, 6);
  const std::vector<int64_t> tokens = model.random_tokens(40, 2);
  std::vector<float> first;
  std::vector<float> again;
  std::vector<float> other;
  ASSERT_EQ(model.forward(tokens, 0, false, first), et::Error::Ok);
  ASSERT_EQ(model.forward(model.random_tokens(20, 9), 30, false, other), et::Error::Ok);
  ASSERT_EQ(model.forward(std::span(tokens).subspan(30), 30, false, again), et::Error::Ok);
  const std::vector<float> tail(first.end() - static_cast<ptrdiff_t>(again.size()), first.end());
  EXPECT_EQ(bits(again), bits(tail));
}

TEST(Forward, CancelFailsBeforeAnythingIsDone) {
  SmallModel model({}, 8);
  CancelToken token;
  token.cancel();
  const ExecutionScope scope({.threads = 1, .path = {}, .cancel = &token});
  std::vector<float> logits;
  EXPECT_EQ(model.forward(model.random_tokens(3, 1), 0, true, logits), et::Error::InvalidState);
}

// Shapes that do not fall on tile borders; sliding windows shorter and longer than a key block.
struct OddCase {
  ModelShape shape;
  size_t tokens;
};

class OddShapes : public ::testing::TestWithParam<OddCase> {};

TEST_P(OddShapes, PathsThreadsAndCutsGiveTheSameBits) {
  SmallModel model(GetParam().shape, 17);
  Random random(23);
  const std::vector<int64_t> tokens = model.random_tokens(GetParam().tokens, 4);
  const std::vector<size_t> ones(tokens.size(), 1);
  const std::vector<float> oracle = run(model, Path::Scalar, 1, tokens, ones);
  ASSERT_EQ(oracle.size(), tokens.size() * GetParam().shape.vocab);
  for (const Path path : available_paths()) {
    const std::vector<size_t> cuts = random_cuts(tokens.size(), GetParam().shape.chunk, random);
    EXPECT_EQ(bits(run(model, path, 2, tokens, cuts)), bits(oracle)) << path_name(path);
    EXPECT_EQ(bits(run(model, path, 0, tokens, ones)), bits(oracle)) << path_name(path);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, OddShapes,
    ::testing::Values(
        OddCase{{.layers = 1, .heads = 6, .kv_heads = 2, .head_dim = 16, .n_rot = 12}, 70},
        OddCase{{.layers = 1, .heads = 9, .kv_heads = 3, .head_dim = 64, .n_rot = 64}, 90},
        OddCase{{.layers = 1,
                 .width = 32,
                 .heads = 2,
                 .kv_heads = 1,
                 .head_dim = 80,
                 .n_rot = 20,
                 .hidden = 32,
                 .vocab = 7,
                 .context = 140,
                 .window = 17},
                130},
        OddCase{{.layers = 1,
                 .heads = 2,
                 .kv_heads = 2,
                 .head_dim = 16,
                 .n_rot = 16,
                 .vocab = 9,
                 .context = 300,
                 .window = 100},
                280},
        OddCase{{.layers = 1,
                 .heads = 11,
                 .kv_heads = 1,
                 .head_dim = 32,
                 .n_rot = 32,
                 .hidden = 64,
                 .vocab = 33,
                 .context = 100},
                100}));

}  // namespace
}  // namespace etb::kernels
