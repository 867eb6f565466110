// Values: tensors inside their memory, lists of what exists.
#include <algorithm>
#include <optional>

#include "model/precheck_parts.h"
#include "model/pte_summary.h"

namespace etb::model::precheck {
namespace {

// One range that must lie inside another; overflow-safe.
bool inside(uint64_t offset, uint64_t bytes, uint64_t size) {
  return offset <= size && bytes <= size - offset;
}

Status check_shape(const FlatTable& tensor) {
  const auto type = static_cast<ScalarType>(tensor.get<uint8_t>(slot::kScalarType));
  if (scalar_bytes(type) == 0) {
    return Status(StatusCode::Unsupported,
                  concat("element type ", tensor.get<uint8_t>(slot::kScalarType),
                         " is unknown or not supported here"));
  }
  const FlatVector sizes = tensor.vector(slot::kSizes, 4);
  const FlatVector order = tensor.vector(slot::kDimOrder, 1);
  if (!sizes.exists() || !order.exists() || sizes.size() != order.size()) {
    return corrupt("it lacks sizes or a dim order of the same length");
  }
  if (!tensor_bytes(tensor)) return corrupt("its sizes are negative or overflow");
  uint32_t seen = 0;  // check_structure() has seen to at most 16 dims
  for (size_t i = 0; i < order.size(); ++i) {
    const uint8_t dim = order.get<uint8_t>(i);
    if (dim >= order.size() || ((seen >> dim) & 1U) != 0) {
      return corrupt("its dim order is no permutation");
    }
    seen |= uint32_t{1} << dim;
  }
  if (tensor.get<int32_t>(slot::kStorageOffset) != 0) return corrupt("it has a storage offset");
  if (tensor.get<uint8_t>(slot::kDynamism) > 1) {
    return Status(StatusCode::Unsupported, "its size has no upper bound; export it with one");
  }
  return {};
}

Status check_planned(const MethodParts& method, const FlatTable& tensor, uint64_t bytes) {
  const FlatTable place = tensor.table(slot::kAllocation);
  const uint32_t id = place.get<uint32_t>(slot::kMemoryId);
  const uint64_t offset = (uint64_t{place.get<uint32_t>(slot::kOffsetHigh)} << 32) |
                          place.get<uint32_t>(slot::kOffsetLow);
  if (id == 0 || id >= method.planned.size()) {
    return corrupt(concat("memory id ", id, " is not planned"));
  }
  const uint64_t size = static_cast<uint64_t>(method.planned[id]);
  if (!inside(offset, bytes, size)) {
    return corrupt(concat(bytes, " bytes at ", offset, " do not fit into the ", size,
                          " planned for memory id ", id));
  }
  const size_t element =
      scalar_bytes(static_cast<ScalarType>(tensor.get<uint8_t>(slot::kScalarType)));
  return offset % element == 0 ? Status() : corrupt("its place in planned memory is not aligned");
}

// `offsets[index]` in segment `segment` must hold `bytes`.
Status check_subsegment(const ProgramParts& program, const FlatVector& offsets, uint32_t segment,
                        uint32_t index, uint64_t bytes) {
  if (segment >= program.segments.size()) return corrupt(concat("there is no segment ", segment));
  if (index >= offsets.size()) return corrupt(concat("there is no buffer ", index));
  const uint64_t offset = offsets.get<uint64_t>(index);
  const uint64_t size = segment_size(program, segment);
  if (inside(offset, bytes, size)) return {};
  return corrupt(concat(bytes, " bytes at ", offset, " of buffer ", index,
                        " do not fit into a segment of ", size));
}

Status check_constant(const ProgramParts& program, const FlatTable& tensor, uint64_t bytes) {
  const uint32_t index = tensor.get<uint32_t>(slot::kBufferIndex);
  if (program.constant_offsets.size() > 0) {
    return check_subsegment(program, program.constant_offsets, program.constant_segment, index,
                            bytes);
  }
  if (index >= program.constant_buffers.size())
    return corrupt(concat("there is no buffer ", index));
  const FlatVector storage = program.constant_buffers.table(index).vector(slot::kScalar, 1);
  return storage.exists() && storage.size() >= bytes
             ? Status()
             : corrupt(concat("buffer ", index, " is smaller than its tensor"));
}

Status check_initial_value(const ProgramParts& program, const FlatTable& tensor, uint64_t bytes) {
  const uint64_t which = tensor.table(slot::kExtra).get<uint64_t>(slot::kMutableIndex);
  if (which >= program.mutables.size()) {
    return corrupt(concat("there are no initial values ", which));
  }
  const FlatTable values = program.mutables.table(static_cast<size_t>(which));
  return check_subsegment(program, values.vector(slot::kOffsets, 8),
                          values.get<uint32_t>(slot::kSegmentIndex),
                          tensor.get<uint32_t>(slot::kBufferIndex), bytes);
}

Status check_tensor(const ProgramParts& program, const MethodParts& method, const FlatTable& tensor,
                    Value& value) {
  ETB_RETURN_IF_ERROR(check_shape(tensor));
  const uint64_t bytes = tensor_bytes(tensor).value_or(0);
  value.empty = bytes == 0;
  const FlatTable extra = tensor.table(slot::kExtra);
  const uint8_t location = extra.get<uint8_t>(slot::kLocation);
  if (location > kLocationExternal) return corrupt("it lies at an unknown location");
  if (location == kLocationExternal && !extra.has(slot::kQualifiedName)) {
    return corrupt("it lies outside the file, but lacks its name");
  }
  const bool has_buffer = tensor.get<uint32_t>(slot::kBufferIndex) != 0;
  if (tensor.has(slot::kAllocation)) {
    value.backing = Backing::Planned;
    ETB_RETURN_IF_ERROR(check_planned(method, tensor, bytes));
    return has_buffer && location == kLocationSegment ? check_initial_value(program, tensor, bytes)
                                                      : Status();
  }
  if (location == kLocationExternal) {
    value.backing = Backing::External;
    return {};
  }
  value.backing = has_buffer ? Backing::Constant : Backing::Caller;
  return has_buffer ? check_constant(program, tensor, bytes) : Status();
}

// Items name values of `wanted` type. Tensor lists are copied when they are met, so theirs must
// stand before them; int lists keep pointers.
Status check_ids(const MethodParts& method, const FlatVector& items, size_t own, ValueType type) {
  const size_t width = type == ValueType::IntList ? 8 : 4;
  for (size_t i = 0; i < items.size(); ++i) {
    const int64_t id = width == 8 ? items.get<int64_t>(i) : items.get<int32_t>(i);
    if (type == ValueType::OptionalTensorList && id == -1) continue;
    const size_t end = type == ValueType::IntList ? method.values.size() : own;
    if (!in_range(id, end)) return corrupt(concat("its item ", i, " names no earlier value"));
    const auto found = static_cast<ValueType>(
        method.values.table(static_cast<size_t>(id)).get<uint8_t>(slot::kType));
    const bool fits = type == ValueType::IntList
                          ? found == ValueType::Int
                          : found == ValueType::Tensor ||
                                (type == ValueType::OptionalTensorList && found == ValueType::Null);
    if (!fits) return corrupt(concat("its item ", i, " has another type"));
  }
  return {};
}

Status check_list(const MethodParts& method, const FlatTable& content, size_t own, ValueType type) {
  const bool longs = type == ValueType::IntList || type == ValueType::DoubleList;
  const size_t width = longs ? 8 : type == ValueType::BoolList ? 1 : 4;
  const FlatVector items = content.vector(slot::kScalar, width);
  if (!items.exists()) return corrupt("it lacks its items");
  if (type == ValueType::DoubleList || type == ValueType::BoolList) return {};
  return check_ids(method, items, own, type);
}

Status check_value(const ProgramParts& program, MethodParts& method, size_t id) {
  const FlatTable value = method.values.table(id);
  const FlatTable content = value.table(slot::kValue);
  Value& known = method.known[id];
  known.type = static_cast<ValueType>(value.get<uint8_t>(slot::kType));
  switch (known.type) {
    case ValueType::Tensor:
      return check_tensor(program, method, content, known);
    case ValueType::String:
      return content.has(slot::kScalar) ? Status() : corrupt("it lacks its text");
    case ValueType::IntList:
    case ValueType::DoubleList:
    case ValueType::BoolList:
    case ValueType::TensorList:
    case ValueType::OptionalTensorList:
      return check_list(method, content, id, known.type);
    default:
      return {};
  }
}

}  // namespace

Status check_values(const ProgramParts& program, MethodParts& method) {
  method.known.assign(method.values.size(), Value());
  for (size_t id = 0; id < method.values.size(); ++id) {
    Status status = check_value(program, method, id);
    if (!status.ok()) return status.with_context(concat("value ", id));
  }
  return {};
}

}  // namespace etb::model::precheck
