// What a program is about, as plain data: everything `inspect` prints and a loader decides by.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "model/flat_reader.h"
#include "model/pte_schema.h"
#include "model/scalar_type.h"

namespace etb::model {

// A value that a metadata method returns.
using Constant = std::variant<int64_t, double, bool, std::string>;

// An input or output of a method.
struct ValueSummary {
  ValueType type = ValueType::None;  // the next four are set for Tensor only
  ScalarType dtype = ScalarType::Byte;
  std::vector<int32_t> sizes;  // upper bounds if dynamic
  bool dynamic = false;
  bool planned = false;  // has a place in planned memory
  uint64_t bytes = 0;    // at the sizes above; the largest number if they overflow
};

struct MethodSummary {
  std::string name;
  std::vector<ValueSummary> inputs;
  std::vector<ValueSummary> outputs;
  std::vector<std::string> operators;  // "etb::mlp.out": as a kernel is registered
  std::vector<std::string> backends;   // ids of delegates, each once
  uint64_t values = 0;
  uint64_t instructions = 0;
  uint64_t delegate_calls = 0;
  uint64_t constant_tensors = 0;
  // Names of its weights that lie in other files, sorted, each once; kMostWeightNames at most.
  std::vector<std::string> external_weights;
  std::vector<uint64_t> planned_bytes;  // [memory id - 1]
  std::vector<Constant> constants;      // of a metadata method: its outputs; else empty
  bool is_metadata() const { return !constants.empty(); }
};

struct NamedDataSummary {
  std::string key;
  uint64_t bytes = 0;
};

struct PteSummary {
  uint32_t version = 0;
  uint64_t file_bytes = 0;
  uint64_t program_bytes = 0;
  uint64_t segment_bytes = 0;  // of all segments
  uint64_t constant_bytes = 0;
  uint64_t named_data_bytes = 0;
  uint64_t segments = 0;
  std::vector<MethodSummary> methods;
  std::vector<NamedDataSummary> named_data;

  // Null if there is none.
  const MethodSummary* method(std::string_view name) const;
  // The one value of a metadata method, if there is one of that type.
  std::optional<int64_t> int_constant(std::string_view method) const;  // bools count as 0 and 1
  std::optional<std::string> string_constant(std::string_view method) const;
  // All integers of a metadata method (get_eos_ids).
  std::vector<int64_t> int_constants(std::string_view method) const;
  // All its numbers (image_mean).
  std::vector<double> numbers(std::string_view method) const;
};

// All texts among the constants together; a method whose texts go beyond it shows no constants. One
// text of the file may be named by many methods, so its own size bounds nothing.
inline constexpr size_t kMostConstantText = size_t{1} << 20;

inline constexpr size_t kMostWeightNames = size_t{1} << 16;
inline constexpr size_t kLongestWeightName = 4096;  // longer ones are left out

// Precondition: check_structure(program) is Ok (else what cannot be read is left out). Fills
// methods and version.
PteSummary summarize_program(Bytes program);

// The name a kernel is registered under: "name.overload", or "name" if the overload is empty.
std::string operator_name(const FlatTable& op);
// sizes x element bytes; nothing if negative, overflowing, or of an unknown type.
std::optional<uint64_t> tensor_bytes(const FlatTable& tensor);

}  // namespace etb::model
