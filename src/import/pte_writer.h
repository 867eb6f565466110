// A program as plain data, and its bytes: extended header and FlatBuffer in the runtime's schema.
// Knows nothing of language models.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/status.h"

namespace etb::import {

// The numbers are the schema's.
enum class ScalarType : uint8_t { Byte = 0, Long = 4, Float = 6 };

struct Allocation {
  uint32_t memory_id = 0;
  uint64_t offset = 0;
};

struct TensorValue {
  ScalarType type{};
  std::vector<int32_t> sizes = {};
  bool dynamic = false;                       // sizes are upper bounds
  uint32_t constant = 0;                      // index into Program::constant_offsets; 0: none
  std::optional<Allocation> allocation = {};  // planned memory; else the caller's (inputs)
  std::string name = {};                      // non-empty: readable with get_attribute
};

using None = std::monostate;  // an optional argument that is absent
using Value = std::variant<int64_t, double, bool, TensorValue, None>;

struct Operator {
  std::string name;  // "etb::mlp"
  std::string overload;
};

struct Call {
  int32_t operator_index = 0;
  std::vector<int32_t> arguments;  // indices of values
};

struct Method {
  std::string name;
  std::vector<Value> values;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  std::vector<Operator> operators;
  std::vector<Call> calls;
  std::vector<uint64_t> planned_bytes;  // of memory ids 1, 2, ..
};

struct Segment {
  uint64_t offset = 0;  // from the segment base
  uint64_t size = 0;
};

struct NamedData {
  std::string key;
  uint32_t segment = 0;
};

struct Program {
  std::vector<Method> methods;
  std::vector<Segment> segments;
  std::vector<uint64_t> constant_offsets;  // in segment 0; [0] is unused
  std::vector<NamedData> named_data;
};

// The program part for a file whose segments begin at `segment_base`; 0: the first multiple of
// `alignment` that leaves `headroom` bytes behind the program. The result's header says what it is.
struct ProgramPlace {
  uint64_t segment_base = 0;
  uint64_t alignment = 16384;
  uint64_t headroom = 0;
};
// OutOfMemory.
Result<std::vector<uint8_t>> write_program(const Program& program, const ProgramPlace& place);

}  // namespace etb::import
