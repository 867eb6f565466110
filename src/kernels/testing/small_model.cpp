#include "kernels/testing/small_model.h"

#include <algorithm>
#include <cmath>

#include "layout/scratch.h"

namespace etb::kernels::testing {

using ::executorch::aten::ScalarType;
using ::executorch::aten::TensorImpl;

TestTensor::TestTensor(ScalarType type, std::vector<int32_t> sizes, void* data)
    : sizes_(std::move(sizes)),
      strides_(sizes_.size()),
      order_(sizes_.size()),
      impl_([&] {
        int32_t step = 1;
        for (size_t i = sizes_.size(); i-- > 0;) {
          strides_[i] = step;
          order_[i] = static_cast<uint8_t>(i);
          step *= sizes_[i];
        }
        return std::make_unique<TensorImpl>(type, static_cast<ssize_t>(sizes_.size()),
                                            sizes_.data(), data, order_.data(), strides_.data(),
                                            ::executorch::aten::TensorShapeDynamism::DYNAMIC_BOUND);
      }()),
      tensor_(impl_.get()),
      value_(tensor_) {}

et::Error call(Op op, Call arguments) {
  et::KernelRuntimeContext context;
  op(context, Stack(arguments.data(), arguments.size()));
  return context.failure_state();
}

et::EValue* SmallModel::number(double value) {
  return &values_.emplace_back(value);
}
et::EValue* SmallModel::integer(size_t value) {
  return &values_.emplace_back(static_cast<int64_t>(value));
}

et::EValue* SmallModel::blob(size_t rows, size_t cols, WeightFormat format, Random& random) {
  std::vector<uint8_t>& bytes = bytes_.emplace_back(random_blob(format, rows, cols, random));
  const auto size = static_cast<int32_t>(bytes.size());
  return tensors_.emplace_back(ScalarType::Byte, std::vector{size}, bytes.data()).value();
}

et::EValue* SmallModel::ones(size_t count, Random& random) {
  std::vector<float>& values = floats_.emplace_back(random.reals(count, 0.2f));
  for (float& value : values) value += 1.0f;
  const auto size = static_cast<int32_t>(count);
  return tensors_.emplace_back(ScalarType::Float, std::vector{size}, values.data()).value();
}

et::EValue* SmallModel::ones_if(bool wanted, size_t count, Random& random) {
  return wanted ? ones(count, random) : &none_;
}

SmallModel::SmallModel(const ModelShape& shape, uint64_t seed) : shape_(shape) {
  Random random(seed);
  const size_t q_width = shape.heads * shape.head_dim;
  const size_t kv_width = shape.kv_heads * shape.head_dim;
  const size_t cache_bytes = 4 * kv_width * ((shape.context + 63) / 64 * 64);
  const auto bytes_tensor = [&](size_t size) {
    std::vector<uint8_t>& bytes = bytes_.emplace_back(size);
    return tensors_
        .emplace_back(ScalarType::Byte, std::vector{static_cast<int32_t>(size)}, bytes.data())
        .value();
  };
  embedding_ = blob(shape.vocab, shape.width, shape.table, random);
  last_norm_ = ones(shape.width, random);
  std::vector<float>& frequencies = floats_.emplace_back(shape.n_rot / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(shape.n_rot);
    frequencies[i] = static_cast<float>(std::pow(10000.0, exponent));
  }
  const auto n_freq = static_cast<int32_t>(frequencies.size());
  frequencies_ =
      tensors_.emplace_back(ScalarType::Float, std::vector{n_freq}, frequencies.data()).value();
  const WeightFormat format = shape.matrices;
  for (size_t i = 0; i < shape.layers; ++i) {
    Layer layer{};
    layer.norm = ones(shape.width, random);
    layer.q = blob(q_width, shape.width, format, random);
    layer.k = blob(kv_width, shape.width, format, random);
    layer.v = blob(kv_width, shape.width, format, random);
    layer.o = blob(shape.width, q_width, format, random);
    const size_t widths[] = {q_width, kv_width, kv_width};
    for (size_t j = 0; j < 3; ++j) {
      layer.biases[j] = ones_if(shape.biases, widths[j], random);
    }
    for (et::EValue*& norm : layer.head_norms) {
      norm = ones_if(shape.head_norms, shape.head_dim, random);
    }
    for (et::EValue*& norm : layer.post_norms) {
      norm = ones_if(shape.post_norms, shape.width, random);
    }
    layer.kv = bytes_tensor(cache_bytes);
    caches_.push_back(&bytes_.back());
    layer.mlp_norm = ones(shape.width, random);
    layer.gate = blob(shape.hidden, shape.width, format, random);
    layer.up = blob(shape.hidden, shape.width, format, random);
    layer.down = blob(shape.width, shape.hidden, format, random);
    layers_.push_back(layer);
  }
  scratch_ =
      bytes_tensor(std::max({layout::attention_scratch_bytes({shape.chunk, shape.width, shape.heads,
                                                              shape.kv_heads, shape.head_dim}),
                             layout::mlp_scratch_bytes(shape.chunk, shape.width, shape.hidden),
                             layout::head_scratch_bytes(shape.chunk, shape.width)}));
  x_.resize(shape.chunk * shape.width);
  rope_.resize(shape.chunk * shape.n_rot);
  poison_caches();
}

void SmallModel::poison_caches() {
  for (std::vector<uint8_t>* cache : caches_)
    std::fill(cache->begin(), cache->end(), uint8_t{0x7F});
}

std::vector<int64_t> SmallModel::random_tokens(size_t count, uint64_t seed) const {
  Random random(seed);
  std::vector<int64_t> tokens(count);
  for (int64_t& token : tokens) token = static_cast<int64_t>(random.between(0, shape_.vocab - 1));
  return tokens;
}

Call SmallModel::embed_call(TestTensor& tokens, TestTensor& x) {
  return {tokens.value(), embedding_, number(1.5), x.value()};
}

Call SmallModel::rope_call(TestTensor& tokens, TestTensor& position, TestTensor& table) {
  return {tokens.value(), position.value(), frequencies_, number(1.0), table.value()};
}

Call SmallModel::attention_call(size_t layer, TestTensor& x, TestTensor& table,
                                TestTensor& position) {
  const Layer& l = layers_[layer];
  const double scale = 1.0 / std::sqrt(static_cast<double>(shape_.head_dim));
  return {x.value(),
          table.value(),
          position.value(),
          l.norm,
          l.q,
          l.k,
          l.v,
          l.o,
          l.biases[0],
          l.biases[1],
          l.biases[2],
          l.head_norms[0],
          l.head_norms[1],
          l.post_norms[0],
          l.kv,
          scratch_,
          integer(shape_.heads),
          integer(shape_.kv_heads),
          integer(shape_.head_dim),
          integer(shape_.n_rot),
          integer(shape_.context),
          integer(shape_.window),
          integer(0),
          number(1e-5),
          number(scale),
          number(shape_.attention_softcap),
          x.value()};
}

Call SmallModel::mlp_call(size_t layer, TestTensor& x) {
  const Layer& l = layers_[layer];
  return {x.value(),    l.mlp_norm,      l.gate,   l.up,
          l.down,       l.post_norms[1], scratch_, integer(shape_.gelu ? 1 : 0),
          number(1e-5), x.value()};
}

Call SmallModel::head_call(TestTensor& x, TestTensor& logits, bool last_only) {
  return {x.value(),
          last_norm_,
          embedding_,
          scratch_,
          integer(last_only ? 1 : 0),
          number(1e-5),
          number(shape_.final_softcap),
          logits.value()};
}

et::Error SmallModel::forward(std::span<const int64_t> tokens, int64_t position, bool last_only,
                              std::vector<float>& logits) {
  const auto count = static_cast<int32_t>(tokens.size());
  const auto vocab = static_cast<int32_t>(shape_.vocab);
  std::vector<int64_t> ids(tokens.begin(), tokens.end());
  logits.assign((last_only ? 1 : tokens.size()) * shape_.vocab, 0.0f);
  TestTensor id(ScalarType::Long, {1, count}, ids.data());
  TestTensor at(ScalarType::Long, {1}, &position);
  TestTensor x(ScalarType::Float, {count, static_cast<int32_t>(shape_.width)}, x_.data());
  TestTensor table(ScalarType::Float, {count, static_cast<int32_t>(shape_.n_rot)}, rope_.data());
  TestTensor out(ScalarType::Float,
                 last_only ? std::vector{1, vocab} : std::vector{1, count, vocab}, logits.data());
  const auto run = [](Op op, const Call& arguments, et::Error& error) {
    if (error == et::Error::Ok) error = call(op, arguments);
  };
  et::Error error = et::Error::Ok;
  run(embed_op, embed_call(id, x), error);
  run(rope_table_op, rope_call(id, at, table), error);
  for (size_t layer = 0; layer < shape_.layers; ++layer) {
    run(attention_op, attention_call(layer, x, table, at), error);
    run(mlp_op, mlp_call(layer, x), error);
  }
  run(head_op, head_call(x, out, last_only), error);
  return error;
}

std::vector<float> SmallModel::forward_cut(std::span<const int64_t> tokens,
                                           std::span<const size_t> cuts) {
  std::vector<float> all;
  size_t done = 0;
  for (const size_t cut : cuts) {
    std::vector<float> logits;
    const et::Error error =
        forward(tokens.subspan(done, cut), static_cast<int64_t>(done), false, logits);
    if (error != et::Error::Ok) return {};
    all.insert(all.end(), logits.begin(), logits.end());
    done += cut;
  }
  return all;
}

}  // namespace etb::kernels::testing
