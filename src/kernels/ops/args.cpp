#include "kernels/ops/args.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <executorch/runtime/core/exec_aten/util/dim_order_util.h>
#include <executorch/runtime/core/exec_aten/util/tensor_util.h>
#include <executorch/runtime/platform/log.h>

namespace etb::kernels {

using ::executorch::aten::ScalarType;

Args::Args(const char* op, et::KernelRuntimeContext& ctx, Stack stack, size_t count)
    : op_(op), ctx_(ctx), stack_(stack) {
  const Execution& execution = current_execution();
  table_ = table_for(execution.path.value_or(best_path()));
  if (stack.size() != count && stack.size() != count + 1) {
    fail(nullptr, "wrong number of arguments: the program was made for another version");
  } else if (table_ == nullptr) {
    fail(nullptr, "this CPU lacks the kernel path asked for", et::Error::NotSupported);
  } else if (execution.cancel != nullptr && execution.cancel->cancelled()) {
    ok_ = false;  // not worth a line in the log
    ctx_.fail(et::Error::InvalidState);
  }
}

bool Args::fail(const char* name, const char* why, et::Error error) {
  if (ok_) {
    ET_LOG(Error, "%s: %s%s%s", op_, name == nullptr ? "" : name, name == nullptr ? "" : ": ", why);
    ctx_.fail(error);
  }
  ok_ = false;
  return false;
}

bool Args::expect(bool condition, const char* name, const char* why) {
  return condition || fail(name, why);
}

const Tensor* Args::tensor(size_t i, const char* name, ScalarType type, int rank) {
  if (!ok_) return nullptr;
  if (stack_[i] == nullptr || !stack_[i]->isTensor()) {
    fail(name, "not a tensor");
    return nullptr;
  }
  const Tensor* const found = &stack_[i]->toTensor();
  if (found->scalar_type() != type) {
    fail(name, "wrong element type");
  } else if (rank >= 0 && found->dim() != rank) {
    fail(name, "wrong number of dimensions");
  } else if (found->numel() <= 0) {
    fail(name, "no elements");
  } else if (found->const_data_ptr() == nullptr) {
    fail(name, "no memory behind it");
  }
  return ok_ ? found : nullptr;
}

bool Args::aligned(const Tensor* tensor, size_t step, const char* name) {
  return expect(reinterpret_cast<uintptr_t>(tensor->const_data_ptr()) % step == 0, name,
                "not aligned to its elements");
}

const Tensor* Args::f32(size_t i, const char* name, int rank) {
  const Tensor* const found = tensor(i, name, ScalarType::Float, rank);
  return found != nullptr && aligned(found, alignof(float), name) ? found : nullptr;
}

const Tensor* Args::i64(size_t i, const char* name, int rank) {
  const Tensor* const found = tensor(i, name, ScalarType::Long, rank);
  return found != nullptr && aligned(found, alignof(int64_t), name) ? found : nullptr;
}

const Tensor* Args::dense(size_t i, const char* name, int rank, std::span<const ScalarType> types) {
  if (!ok_) return nullptr;
  if (stack_[i] == nullptr || !stack_[i]->isTensor()) {
    fail(name, "not a tensor");
    return nullptr;
  }
  const ScalarType type = stack_[i]->toTensor().scalar_type();
  const bool known = std::ranges::find(types, type) != types.end();
  const Tensor* const found = tensor(i, name, known ? type : types.front(), rank);
  if (found == nullptr) return nullptr;
  const auto order = found->dim_order();
  expect(et::is_contiguous_dim_order(order.data(), order.size()), name,
         "not in the order of its dimensions");
  aligned(found, static_cast<size_t>(found->element_size()), name);
  return ok_ ? found : nullptr;
}

std::span<const float> Args::floats(size_t i, const char* name, size_t count) {
  const Tensor* const found = f32(i, name, 1);
  if (found == nullptr) return {};
  if (!expect(dim(found, 0) == count, name, "wrong length")) return {};
  return {found->const_data_ptr<float>(), count};
}

const float* Args::optional_floats(size_t i, const char* name, size_t count) {
  if (!ok_ || (stack_[i] != nullptr && stack_[i]->isNone())) return nullptr;
  return floats(i, name, count).data();
}

std::span<uint8_t> Args::bytes(size_t i, const char* name) {
  const Tensor* const found = tensor(i, name, ScalarType::Byte, -1);
  if (found == nullptr) return {};
  // Blobs are constants: nothing writes through this pointer unless the argument is memory.
  return {static_cast<uint8_t*>(const_cast<void*>(found->const_data_ptr())), found->nbytes()};
}

layout::Matrix Args::blob(size_t i, const char* name) {
  const std::span<uint8_t> data = bytes(i, name);
  if (!ok_) return {};
  Result<layout::Matrix> matrix = layout::open_blob(data);
  if (matrix.ok()) return *matrix;
  const std::string why(matrix.status().message());
  fail(name, why.c_str());
  return {};
}

int64_t Args::position(size_t i, const char* name) {
  const Tensor* const found = i64(i, name, 1);
  if (found == nullptr || !expect(dim(found, 0) == 1, name, "not exactly one element")) return 0;
  return *found->const_data_ptr<int64_t>();
}

uint8_t* Args::scratch(size_t i, uint64_t need) {
  const std::span<uint8_t> memory = bytes(i, "scratch");
  if (!ok_) return nullptr;
  if (!expect(need != 0 && memory.size() >= need, "scratch", "too small for this many tokens")) {
    return nullptr;
  }
  const auto address = reinterpret_cast<uintptr_t>(memory.data());
  const uintptr_t off = address % layout::kScratchAlign;
  return memory.data() + (off == 0 ? 0 : layout::kScratchAlign - off);
}

float* Args::in_place(size_t i, const Tensor* like) {
  const Tensor* const found = f32(i, "out", 2);
  if (found == nullptr || like == nullptr) return nullptr;
  const bool same = found->const_data_ptr() == like->const_data_ptr() &&
                    dim(found, 0) == dim(like, 0) && dim(found, 1) == dim(like, 1);
  return expect(same, "out", "not the residual stream it updates")
             ? found->mutable_data_ptr<float>()
             : nullptr;
}

float* Args::out(size_t i, std::span<const int32_t> sizes) {
  return static_cast<float*>(out_of(i, ScalarType::Float, sizes));
}

void* Args::out_of(size_t i, ScalarType type, std::span<const int32_t> sizes) {
  const Tensor* const found = dense(i, "out", static_cast<int>(sizes.size()), {&type, 1});
  if (found == nullptr) return nullptr;
  const et::ArrayRef<int32_t> wanted(sizes.data(), sizes.size());
  if (et::resize_tensor(stack_[i]->toTensor(), wanted) != et::Error::Ok) {
    fail("out", "cannot take the size needed");
    return nullptr;
  }
  return found->mutable_data_ptr();
}

bool Args::truth(size_t i, const char* name) {
  if (!ok_) return false;
  if (stack_[i] == nullptr || !stack_[i]->isBool()) return fail(name, "neither true nor false");
  return stack_[i]->toBool();
}

int64_t Args::integer(size_t i, const char* name, int64_t low, int64_t high) {
  if (!ok_) return low;
  if (stack_[i] == nullptr || !stack_[i]->isInt()) {
    fail(name, "not an integer");
    return low;
  }
  const int64_t value = stack_[i]->toInt();
  return expect(value >= low && value <= high, name, "out of range") ? value : low;
}

float Args::number(size_t i, const char* name) {
  if (!ok_) return 0.0f;
  double value = 0.0;
  if (stack_[i] != nullptr && stack_[i]->isDouble()) {
    value = stack_[i]->toDouble();
  } else if (stack_[i] != nullptr && stack_[i]->isInt()) {
    value = static_cast<double>(stack_[i]->toInt());
  } else {
    fail(name, "not a number");
  }
  constexpr double largest = std::numeric_limits<float>::max();
  if (!expect(std::fabs(value) <= largest, name, "not a finite float")) return 0.0f;
  return static_cast<float>(value);
}

float Args::softcap(size_t i) {
  const float cap = number(i, "softcap");
  constexpr float kSmallest = 1e-3f;
  return expect(cap == 0.0f || cap >= kSmallest, "softcap", "neither 0 nor positive") ? cap : 0.0f;
}

}  // namespace etb::kernels
