// A contiguous tensor over somebody's data, to be given to a method.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/core/exec_aten/exec_aten.h>

namespace etb::runner {

// Integers are kept as the wider type; a method that takes Int gets them narrowed in place.
inline void narrow_if_int(executorch::aten::ScalarType type, std::span<int64_t> values) {
  if (type != executorch::aten::ScalarType::Int) return;
  auto* const narrow = reinterpret_cast<int32_t*>(values.data());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<int32_t>(values[i]);
    std::memcpy(narrow + i, &value, sizeof value);
  }
}

// Must outlive set_input(), its data execute().
class InputTensor {
 public:
  static constexpr size_t kMostRank = 8;

  // Precondition: 1 to kMostRank sizes.
  InputTensor(executorch::aten::ScalarType type, void* data, std::span<const int32_t> sizes) {
    int32_t stride = 1;
    for (size_t i = sizes.size(); i-- > 0;) {
      sizes_[i] = sizes[i];
      order_[i] = static_cast<uint8_t>(i);
      strides_[i] = stride;
      stride *= sizes[i];
    }
    impl_.emplace(type, static_cast<ssize_t>(sizes.size()), sizes_.data(), data, order_.data(),
                  strides_.data());
  }
  executorch::runtime::EValue value() {
    return executorch::runtime::EValue(executorch::aten::Tensor(&*impl_));
  }

 private:
  std::array<int32_t, kMostRank> sizes_{};
  std::array<uint8_t, kMostRank> order_{};
  std::array<int32_t, kMostRank> strides_{};
  std::optional<executorch::aten::TensorImpl> impl_;
};

}  // namespace etb::runner
