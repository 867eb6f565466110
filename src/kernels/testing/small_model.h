// A small model with random weights whose forward calls our operators as the runtime does: what the
// tests of bit-exactness, threads, cuts and hostile arguments drive.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "kernels/ops/ops.h"
#include "kernels/testing/random_blob.h"

namespace etb::kernels::testing {

// A tensor with its shape, over memory of the caller's or its own.
class TestTensor {
 public:
  TestTensor(::executorch::aten::ScalarType type, std::vector<int32_t> sizes, void* data);
  et::EValue* value() { return &value_; }
  Tensor& tensor() { return tensor_; }

 private:
  std::vector<int32_t> sizes_;
  std::vector<int32_t> strides_;
  std::vector<uint8_t> order_;
  std::unique_ptr<::executorch::aten::TensorImpl> impl_;
  Tensor tensor_;
  et::EValue value_;
};

struct ModelShape {
  size_t layers = 2;
  size_t width = 64;
  size_t heads = 4;
  size_t kv_heads = 2;
  size_t head_dim = 32;
  size_t n_rot = 32;
  size_t hidden = 96;
  size_t vocab = 50;
  size_t context = 200;
  size_t window = 0;
  size_t chunk = 64;
  WeightFormat matrices = WeightFormat::W4A;
  WeightFormat table = WeightFormat::W8S;
  // What only some families have.
  bool biases = false;      // of q, k and v
  bool head_norms = false;  // of q and k
  bool post_norms = false;  // of what attention and mlp add
  bool gelu = false;
  double attention_softcap = 0;
  double final_softcap = 0;
};

// Arguments of one operator call; out appended last, once.
using Call = std::vector<et::EValue*>;
using Op = void (*)(et::KernelRuntimeContext&, Stack);

// What the runtime would return from the call.
et::Error call(Op op, Call arguments);

class SmallModel {
 public:
  SmallModel(const ModelShape& shape, uint64_t seed);

  // Logits [S * vocab] of tokens at `position`, or the error. All positions, or the last alone.
  et::Error forward(std::span<const int64_t> tokens, int64_t position, bool last_only,
                    std::vector<float>& logits);
  // The same in cuts of the given lengths, from position 0 on.
  std::vector<float> forward_cut(std::span<const int64_t> tokens, std::span<const size_t> cuts);
  // Makes the caches forget: fills them with half-precision NaNs, so that a read of what was not
  // written shows.
  void poison_caches();

  const ModelShape& shape() const { return shape_; }
  std::vector<int64_t> random_tokens(size_t count, uint64_t seed) const;

  // Argument lists, for tests that spoil one. Values live in `values` until the next call of these.
  Call embed_call(TestTensor& tokens, TestTensor& x);
  Call rope_call(TestTensor& tokens, TestTensor& position, TestTensor& table);
  Call attention_call(size_t layer, TestTensor& x, TestTensor& table, TestTensor& position);
  Call mlp_call(size_t layer, TestTensor& x);
  Call head_call(TestTensor& x, TestTensor& logits, bool last_only);
  std::vector<float>& stream() { return x_; }
  std::vector<float>& table() { return rope_; }

 private:
  et::EValue* number(double value);
  et::EValue* integer(size_t value);
  et::EValue* blob(size_t rows, size_t cols, WeightFormat format, Random& random);
  et::EValue* ones(size_t count, Random& random);
  // Such a vector, or none.
  et::EValue* ones_if(bool wanted, size_t count, Random& random);

  struct Layer {
    et::EValue* norm;
    et::EValue* q;
    et::EValue* k;
    et::EValue* v;
    et::EValue* o;
    et::EValue* biases[3];
    et::EValue* head_norms[2];
    et::EValue* post_norms[2];
    et::EValue* kv;
    et::EValue* mlp_norm;
    et::EValue* gate;
    et::EValue* up;
    et::EValue* down;
  };

  ModelShape shape_;
  std::deque<std::vector<uint8_t>> bytes_;
  std::deque<std::vector<float>> floats_;
  std::deque<TestTensor> tensors_;
  std::deque<et::EValue> values_;
  std::vector<Layer> layers_;
  std::vector<std::vector<uint8_t>*> caches_;
  et::EValue* embedding_ = nullptr;
  et::EValue* frequencies_ = nullptr;
  et::EValue* last_norm_ = nullptr;
  et::EValue none_;
  et::EValue* scratch_ = nullptr;
  std::vector<float> x_;
  std::vector<float> rope_;
};

}  // namespace etb::kernels::testing
