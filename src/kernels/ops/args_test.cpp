// Hostile arguments: each is refused with a typed error before anything is computed, whatever a
// spoiled program passes; after it the operator works again.
#include <gtest/gtest.h>

#include "kernels/kernels.h"
#include "kernels/testing/small_model.h"

namespace etb::kernels {
namespace {

using ::executorch::aten::ScalarType;
using testing::call;
using testing::Call;
using testing::SmallModel;
using testing::TestTensor;

// A model, and tensors that make every call of it valid.
class HostileArguments : public ::testing::Test {
 protected:
  HostileArguments()
      : model_({.biases = true, .head_norms = true, .post_norms = true}, 3),
        ids_(model_.random_tokens(4, 1)),
        logits_(model_.shape().vocab),
        tokens_(ScalarType::Long, {1, 4}, ids_.data()),
        position_(ScalarType::Long, {1}, &at_),
        x_(ScalarType::Float, {4, 64}, model_.stream().data()),
        table_(ScalarType::Float, {4, 32}, model_.table().data()),
        out_(ScalarType::Float, {1, 50}, logits_.data()) {}

  std::vector<std::pair<testing::Op, Call>> valid_calls() {
    return {{embed_op, model_.embed_call(tokens_, x_)},
            {rope_table_op, model_.rope_call(tokens_, position_, table_)},
            {attention_op, model_.attention_call(0, x_, table_, position_)},
            {mlp_op, model_.mlp_call(0, x_)},
            {head_op, model_.head_call(x_, out_, true)}};
  }
  // The call with argument `index` replaced.
  et::Error with(testing::Op op, Call arguments, size_t index, et::EValue* value) {
    arguments[index] = value;
    return call(op, arguments);
  }
  et::Error attention_with(size_t index, int64_t value) {
    et::EValue other(value);
    return with(attention_op, model_.attention_call(0, x_, table_, position_), index, &other);
  }

  SmallModel model_;
  std::vector<int64_t> ids_;
  std::vector<float> logits_;
  int64_t at_ = 0;
  TestTensor tokens_;
  TestTensor position_;
  TestTensor x_;
  TestTensor table_;
  TestTensor out_;
};

TEST_F(HostileArguments, ValidCallsWorkWithTheOutOnceOrTwice) {
  for (auto& [op, arguments] : valid_calls()) {
    EXPECT_EQ(call(op, arguments), et::Error::Ok);
    Call twice = arguments;
    twice.push_back(arguments.back());
    EXPECT_EQ(call(op, twice), et::Error::Ok);
  }
}

TEST_F(HostileArguments, AnyArgumentOfAnotherKindIsRefused) {
  et::EValue none;
  et::EValue truth(true);
  int16_t few[4] = {};
  TestTensor shorts(ScalarType::Short, {2, 2}, few);
  TestTensor nowhere(ScalarType::Float, {4, 64}, nullptr);
  for (auto& [op, arguments] : valid_calls()) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      EXPECT_EQ(with(op, arguments, i, nullptr), et::Error::InvalidArgument) << i;
      // What only some families have may be none.
      const bool optional = op == attention_op ? i >= 8 && i <= 13 : op == mlp_op && i == 5;
      EXPECT_EQ(with(op, arguments, i, &none),
                optional ? et::Error::Ok : et::Error::InvalidArgument)
          << i;
      EXPECT_EQ(with(op, arguments, i, &truth), et::Error::InvalidArgument) << i;
      EXPECT_EQ(with(op, arguments, i, shorts.value()), et::Error::InvalidArgument) << i;
      EXPECT_EQ(with(op, arguments, i, nowhere.value()), et::Error::InvalidArgument) << i;
    }
    EXPECT_EQ(call(op, arguments), et::Error::Ok);
  }
}

TEST_F(HostileArguments, AnyOtherNumberOfArgumentsIsRefused) {
  for (auto& [op, arguments] : valid_calls()) {
    for (size_t count = 0; count + 1 <= arguments.size() + 3; ++count) {
      if (count == arguments.size() || count == arguments.size() + 1) continue;
      Call other = arguments;
      other.resize(count, arguments.back());
      EXPECT_EQ(call(op, other), et::Error::InvalidArgument) << count;
    }
  }
}

TEST_F(HostileArguments, NoTokensAreRefused) {
  TestTensor empty(ScalarType::Long, {1, 0}, ids_.data());
  TestTensor stream(ScalarType::Float, {0, 64}, model_.stream().data());
  EXPECT_EQ(call(embed_op, model_.embed_call(empty, x_)), et::Error::InvalidArgument);
  EXPECT_EQ(call(rope_table_op, model_.rope_call(empty, position_, table_)),
            et::Error::InvalidArgument);
  EXPECT_EQ(call(attention_op, model_.attention_call(0, stream, table_, position_)),
            et::Error::InvalidArgument);
  EXPECT_EQ(call(mlp_op, model_.mlp_call(0, stream)), et::Error::InvalidArgument);
  EXPECT_EQ(call(head_op, model_.head_call(stream, out_, true)), et::Error::InvalidArgument);
}

TEST_F(HostileArguments, IdsOutsideTheVocabularyAreRefused) {
  for (const int64_t id : {int64_t{-1}, int64_t{50}, INT64_MAX, INT64_MIN}) {
    ids_[2] = id;
    EXPECT_EQ(call(embed_op, model_.embed_call(tokens_, x_)), et::Error::InvalidArgument) << id;
  }
  ids_[2] = 49;
  EXPECT_EQ(call(embed_op, model_.embed_call(tokens_, x_)), et::Error::Ok);
}

TEST_F(HostileArguments, PositionsBeyondTheContextAreRefused) {
  const auto context = static_cast<int64_t>(model_.shape().context);
  for (const int64_t at : {int64_t{-1}, context - 3, context, INT64_MAX, INT64_MIN}) {
    at_ = at;
    EXPECT_EQ(call(attention_op, model_.attention_call(0, x_, table_, position_)),
              et::Error::InvalidArgument)
        << at;
  }
  at_ = context - 4;
  EXPECT_EQ(call(attention_op, model_.attention_call(0, x_, table_, position_)), et::Error::Ok);
}

TEST_F(HostileArguments, ShapesThatDoNotFitAreRefused) {
  constexpr int64_t kBad[] = {-1, 0, 3, 5, 1000000, INT64_MAX, INT64_MIN};
  for (const size_t index : {16u, 17u, 18u, 19u}) {  // heads, kv_heads, head_dim, n_rot
    for (const int64_t bad : kBad) {
      EXPECT_EQ(attention_with(index, bad), et::Error::InvalidArgument) << index << " " << bad;
    }
  }
  EXPECT_EQ(attention_with(20, 0), et::Error::InvalidArgument);       // context
  EXPECT_EQ(attention_with(20, 100000), et::Error::InvalidArgument);  // more than kv holds
  EXPECT_EQ(attention_with(20, INT64_MAX), et::Error::InvalidArgument);
  EXPECT_EQ(attention_with(21, -1), et::Error::InvalidArgument);  // window
  EXPECT_EQ(attention_with(22, 1), et::Error::InvalidArgument);   // kv_type not built
  et::EValue infinite(1e300);
  EXPECT_EQ(with(attention_op, model_.attention_call(0, x_, table_, position_), 24, &infinite),
            et::Error::InvalidArgument);
  EXPECT_EQ(with(mlp_op, model_.mlp_call(0, x_), 8, &infinite), et::Error::InvalidArgument);
  for (const double cap : {-1.0, 1e-9, 1e300}) {
    et::EValue bad(cap);
    EXPECT_EQ(with(attention_op, model_.attention_call(0, x_, table_, position_), 25, &bad),
              et::Error::InvalidArgument);
    EXPECT_EQ(with(head_op, model_.head_call(x_, out_, true), 6, &bad), et::Error::InvalidArgument);
  }
  et::EValue unknown(int64_t{2});
  EXPECT_EQ(with(mlp_op, model_.mlp_call(0, x_), 7, &unknown), et::Error::InvalidArgument);
}

TEST_F(HostileArguments, OptionalVectorsOfAnotherLengthAreRefused) {
  std::vector<float> values(48);
  TestTensor other(ScalarType::Float, {48}, values.data());
  for (size_t index = 8; index <= 13; ++index) {
    EXPECT_EQ(
        with(attention_op, model_.attention_call(0, x_, table_, position_), index, other.value()),
        et::Error::InvalidArgument)
        << index;
  }
  EXPECT_EQ(with(mlp_op, model_.mlp_call(0, x_), 5, other.value()), et::Error::InvalidArgument);
}

TEST_F(HostileArguments, BlobsOfAnotherShapeAreRefused) {
  testing::Random random(1);
  std::vector<uint8_t> bytes = testing::random_blob(testing::WeightFormat::W4A, 40, 160, random);
  TestTensor other(ScalarType::Byte, {static_cast<int32_t>(bytes.size())}, bytes.data());
  for (const size_t index : {4u, 5u, 6u, 7u}) {
    EXPECT_EQ(
        with(attention_op, model_.attention_call(0, x_, table_, position_), index, other.value()),
        et::Error::InvalidArgument);
  }
  for (const size_t index : {2u, 3u, 4u}) {
    EXPECT_EQ(with(mlp_op, model_.mlp_call(0, x_), index, other.value()),
              et::Error::InvalidArgument);
  }
  EXPECT_EQ(with(head_op, model_.head_call(x_, out_, true), 2, other.value()),
            et::Error::InvalidArgument);
}

TEST_F(HostileArguments, DamagedBlobHeadersAreRefused) {
  const Call valid = model_.mlp_call(0, x_);
  const Tensor& gate = valid[2]->toTensor();
  for (size_t byte = 0; byte < 20; ++byte) {  // magic, version, format, rows, cols
    std::vector<uint8_t> bytes(gate.nbytes());
    std::memcpy(bytes.data(), gate.const_data_ptr(), bytes.size());
    bytes[byte] = static_cast<uint8_t>(bytes[byte] ^ 0x5A);
    TestTensor spoiled(ScalarType::Byte, {static_cast<int32_t>(bytes.size())}, bytes.data());
    EXPECT_EQ(with(mlp_op, valid, 2, spoiled.value()), et::Error::InvalidArgument) << byte;
  }
  for (const int32_t size : {1, 63, 64, 100}) {  // truncated
    TestTensor cut(ScalarType::Byte, {size}, const_cast<void*>(gate.const_data_ptr()));
    EXPECT_EQ(with(mlp_op, valid, 2, cut.value()), et::Error::InvalidArgument) << size;
  }
}

TEST_F(HostileArguments, SmallScratchAndMisalignedMemoryAreRefused) {
  std::vector<uint8_t> little(256);
  TestTensor scratch(ScalarType::Byte, {256}, little.data());
  EXPECT_EQ(
      with(attention_op, model_.attention_call(0, x_, table_, position_), 15, scratch.value()),
      et::Error::InvalidArgument);
  EXPECT_EQ(with(mlp_op, model_.mlp_call(0, x_), 6, scratch.value()), et::Error::InvalidArgument);
  EXPECT_EQ(with(head_op, model_.head_call(x_, out_, true), 3, scratch.value()),
            et::Error::InvalidArgument);
  auto* const odd = reinterpret_cast<uint8_t*>(model_.stream().data()) + 1;
  TestTensor crooked(ScalarType::Float, {3, 64}, odd);
  EXPECT_EQ(call(mlp_op, model_.mlp_call(0, crooked)), et::Error::InvalidArgument);
}

TEST_F(HostileArguments, AnOutThatIsNotTheStreamIsRefused) {
  std::vector<float> elsewhere(4 * 64);
  TestTensor other(ScalarType::Float, {4, 64}, elsewhere.data());
  EXPECT_EQ(with(mlp_op, model_.mlp_call(0, x_), 9, other.value()), et::Error::InvalidArgument);
}

TEST(Operators, AreListedUnderTheirNames) {
  std::vector<std::string> names;
  for (const auto& kernel : operators()) names.emplace_back(kernel.name_);
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "etb::embed.out", "etb::rope_table.out", "etb::attention.out", "etb::mlp.out",
                "etb::head.out", "llama::custom_sdpa.out", "llama::custom_quantized_sdpa.out",
                "llama::sdpa_with_kv_cache.out", "llama::update_cache.out",
                "llama::update_cache_with_indices.out", "llama::fast_hadamard_transform.out"}));
}

TEST(Execution, ScopesNestAndAMissingPathFailsTheForward) {
  EXPECT_EQ(current_execution().threads, 0u);
  {
    const ExecutionScope outer({.threads = 2, .path = {}, .cancel = nullptr});
    {
      const ExecutionScope inner({.threads = 1, .path = Path::Scalar, .cancel = nullptr});
      EXPECT_EQ(current_execution().threads, 1u);
    }
    EXPECT_EQ(current_execution().threads, 2u);
  }
  EXPECT_FALSE(current_execution().path.has_value());
  EXPECT_EQ(available_paths().front(), Path::Scalar);
  for (const Path path : kAllPaths) {
    const ExecutionScope scope({.threads = 1, .path = path, .cancel = nullptr});
    SmallModel model({}, 1);
    std::vector<float> logits;
    const et::Error expected = table_for(path) == nullptr ? et::Error::NotSupported : et::Error::Ok;
    EXPECT_EQ(model.forward(model.random_tokens(2, 1), 0, true, logits), expected)
        << path_name(path);
  }
}

}  // namespace
}  // namespace etb::kernels
