// Random tensors of stock shapes for the tests of the llama operators, and what they hold as
// doubles.
#pragma once

#include <random>
#include <vector>

#include "kernels/llama/elements.h"
#include "kernels/testing/small_model.h"

namespace etb::kernels::testing {

using ::executorch::aten::ScalarType;

// A tensor of 4 dimensions with memory of its own.
class Rows {
 public:
  Rows(ScalarType type, std::vector<int32_t> sizes, uint32_t seed)
      : type_(type), count_(1), random_(seed) {
    for (const int32_t size : sizes) count_ *= static_cast<size_t>(size);
    bytes_.resize(count_ * 4);
    tensor_ = std::make_unique<TestTensor>(type, std::move(sizes), bytes_.data());
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < count_; ++i) set(i, normal(random_));
  }

  et::EValue* value() { return tensor_->value(); }
  Tensor& tensor() { return tensor_->tensor(); }
  size_t size() const { return count_; }

  double get(size_t i) const {
    if (type_ == ScalarType::Char) return static_cast<int8_t>(bytes_[i]);
    float out = 0;
    read_floats(element(), bytes_.data() + i * element_bytes(element()), 1, &out);
    return out;
  }
  void set(size_t i, float value) {
    if (type_ == ScalarType::Char) {
      bytes_[i] =
          static_cast<uint8_t>(static_cast<int8_t>(std::clamp(value * 40, -128.0f, 127.0f)));
      return;
    }
    write_floats(element(), &value, 1, bytes_.data() + i * element_bytes(element()));
  }
  void fill(float value) {
    for (size_t i = 0; i < count_; ++i) set(i, value);
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  Element element() const {
    if (type_ == ScalarType::Half) return Element::F16;
    return type_ == ScalarType::BFloat16 ? Element::BF16 : Element::F32;
  }

  ScalarType type_;
  size_t count_;
  std::mt19937 random_;
  std::vector<uint8_t> bytes_;
  std::unique_ptr<TestTensor> tensor_;
};

}  // namespace etb::kernels::testing
