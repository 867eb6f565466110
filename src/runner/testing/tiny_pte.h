// Writes small .pte files by hand, for tests that want programs no importer would make: operators
// and backends that do not exist, wrong shapes, constants of choice. Independent of the importer's
// writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace etb::runner::testing {

enum class Scalar : uint8_t { Byte = 0, Int = 3, Long = 4, Float = 6 };

struct PteTensor {
  Scalar type = Scalar::Float;
  std::vector<int32_t> sizes;
  bool dynamic = false;    // shape_dynamism DYNAMIC_BOUND
  uint32_t constant = 0;   // > 0: index into PteFileSpec::constants, counted from 1
  uint32_t memory_id = 0;  // > 0: planned there
  uint32_t offset = 0;     // in that memory
  std::string name;        // fully qualified; may be empty
};
using PteValue = std::variant<int64_t, double, std::string, PteTensor>;

struct PteCall {
  std::string op;        // "ns::name"
  std::string overload;  // "out"
  std::vector<int32_t> args;
};

struct PteMethod {
  std::string name;
  std::vector<PteValue> values;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  std::vector<PteCall> calls;
  std::vector<std::string> backends;  // delegates, not called
  std::vector<int64_t> memory_sizes;  // of memory ids 1, 2, ...
};

struct PteFileSpec {
  std::vector<PteMethod> methods;
  std::vector<std::vector<uint8_t>> constants;  // in one segment, 64-byte aligned
  std::vector<std::pair<std::string, std::vector<uint8_t>>> named;  // a segment each, after it
  uint64_t segment_base = 16384;
};

// A method that gives `values` and does nothing.
PteMethod constant_method(std::string name, std::vector<int64_t> values);

// Header and FlatBuffer.
std::vector<uint8_t> write_program(const PteFileSpec& spec);
// The whole file: program, padding, constant segment.
std::vector<uint8_t> write_pte(const PteFileSpec& spec);

}  // namespace etb::runner::testing
