// An operator's arguments, read with every check that a hostile program needs. The first failure is
// reported to the runtime and logged with the operator's and the argument's name; later reads then
// return harmless values, so an operator reads all its arguments and asks ok() once. While it lives
// the thread has the floating-point environment of fp_environment.h.
#pragma once

#include <cstdint>
#include <span>

#include <executorch/runtime/core/evalue.h>
#include <executorch/runtime/kernel/kernel_runtime_context.h>

#include <executorch/runtime/core/span.h>

#include "kernels/execution.h"
#include "kernels/fp_environment.h"
#include "kernels/paths/table.h"
#include "layout/layout.h"
#include "layout/scratch.h"

namespace etb::kernels {

namespace et = ::executorch::runtime;
using Tensor = ::executorch::aten::Tensor;
using Stack = et::Span<et::EValue*>;

class Args {
 public:
  // `count` arguments, the out tensor included once; the stock stack form repeats it. Fails when
  // the forward is cancelled or its kernel path is not to be had.
  Args(const char* op, et::KernelRuntimeContext& ctx, Stack stack, size_t count);

  bool ok() const { return ok_; }
  // Records a failure: of the argument `name`, or of the whole if null. Returns false.
  bool fail(const char* name, const char* why, et::Error error = et::Error::InvalidArgument);

  const KernelTable& table() const { return *table_; }
  unsigned threads() const { return current_execution().threads; }

  // Tensors with data: of the given type and rank, no dimension 0, elements aligned.
  const Tensor* f32(size_t i, const char* name, int rank);
  const Tensor* i64(size_t i, const char* name, int rank);
  // Of one of `types`, elements in the order of the dimensions.
  const Tensor* dense(size_t i, const char* name, int rank,
                      std::span<const ::executorch::aten::ScalarType> types);
  std::span<const float> floats(size_t i, const char* name, size_t count);
  // The same, or none: null then.
  const float* optional_floats(size_t i, const char* name, size_t count);
  std::span<uint8_t> bytes(size_t i, const char* name);
  layout::Matrix blob(size_t i, const char* name);
  // The one element of an i64 tensor [1].
  int64_t position(size_t i, const char* name);
  // A scratch tensor's memory from its first kScratchAlign boundary on; `need` from
  // layout/scratch.h.
  uint8_t* scratch(size_t i, uint64_t need);
  // The out tensor, `like`'s memory and size: what an in-place operator works on.
  float* in_place(size_t i, const Tensor* like);
  // Resizes the out tensor to `sizes` and gives its memory.
  float* out(size_t i, std::span<const int32_t> sizes);

  // Resizes the out tensor of that type to `sizes` and gives its memory.
  void* out_of(size_t i, ::executorch::aten::ScalarType type, std::span<const int32_t> sizes);

  bool none(size_t i) const { return !ok_ || (stack_[i] != nullptr && stack_[i]->isNone()); }
  bool truth(size_t i, const char* name);
  int64_t integer(size_t i, const char* name, int64_t low, int64_t high);
  float number(size_t i, const char* name);  // a Double or Int that a float can hold
  float softcap(size_t i);                   // a number: 0 (none), or one to divide by
  bool expect(bool condition, const char* name, const char* why);

 private:
  const Tensor* tensor(size_t i, const char* name, ::executorch::aten::ScalarType type, int rank);
  bool aligned(const Tensor* tensor, size_t step, const char* name);

  const FpScope fp_;  // for as long as the operator computes
  const char* op_;
  et::KernelRuntimeContext& ctx_;
  Stack stack_;
  const KernelTable* table_ = nullptr;
  bool ok_ = true;
};

// Dimension i of a checked tensor as a size.
inline size_t dim(const Tensor* tensor, int i) {
  return tensor == nullptr ? 0 : static_cast<size_t>(tensor->size(i));
}

// Hands out parts of a scratch tensor, each on a kScratchAlign boundary; the sum of the parts was
// checked by Args::scratch.
class Carver {
 public:
  explicit Carver(uint8_t* memory) : next_(memory) {}
  template <class T>
  T* take(size_t count) {
    T* const part = reinterpret_cast<T*>(next_);
    constexpr size_t step = layout::kScratchAlign;
    next_ += (count * sizeof(T) + step - 1) / step * step;
    return part;
  }
  Activations activations(size_t tokens, size_t cols) {
    uint8_t* const quant = take<uint8_t>(tokens * (cols / kActBlock) * kActBlockBytes);
    return {quant, take<float>(tokens * cols), tokens, cols};
  }

 private:
  uint8_t* next_;
};

}  // namespace etb::kernels
