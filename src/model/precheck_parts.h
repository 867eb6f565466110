// The pieces of the pre-check, shared between its files; not for others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "base/text.h"
#include "model/precheck.h"
#include "model/pte_header.h"
#include "model/pte_schema.h"

namespace etb::model::precheck {

// What stands around the methods.
struct ProgramParts {
  FlatTable root;
  PteHeader header;
  FlatVector segments;
  FlatVector inline_data;       // of delegates
  FlatVector constant_buffers;  // the deprecated form, inside the program
  FlatVector constant_offsets;
  uint32_t constant_segment = 0;
  FlatVector mutables;
};

// Where a value's memory is.
enum class Backing : uint8_t { NoTensor, Caller, Constant, Planned, External };

// Memory of the mapped file: a write to it is a crash.
inline bool is_read_only(Backing backing) {
  return backing == Backing::Constant || backing == Backing::External;
}

struct Value {
  ValueType type = ValueType::None;
  Backing backing = Backing::NoTensor;
  bool empty = false;     // a tensor without elements
  bool is_input = false;  // the caller gives it memory before the method runs
  bool is_moved_to = false;
};

struct MethodParts {
  std::string name;
  FlatTable plan;
  FlatVector values;
  std::vector<int64_t> planned;  // bytes by memory id; [0] unused
  std::vector<Value> known;      // one a value, filled by check_values
};

inline Status corrupt(std::string message) {
  return Status(StatusCode::Corrupt, std::move(message));
}

// True if `id` names one of `count` things.
inline bool in_range(int64_t id, size_t count) {
  return id >= 0 && static_cast<uint64_t>(id) < count;
}

// The size of a segment that exists; the others have been checked.
inline uint64_t segment_size(const ProgramParts& program, uint32_t index) {
  return program.segments.table(index).get<uint64_t>(slot::kSize);
}

// Fills `method.known`.
Status check_values(const ProgramParts& program, MethodParts& method);
// Precondition: check_values() was Ok.
Status check_code(const MethodParts& method, const PrecheckLimits& limits);

}  // namespace etb::model::precheck
