// Where a program keeps its KV cache: the layers' places come from the program itself, their shapes
// from the manifest of the file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "kv/descriptor.h"
#include "kv/rows.h"
#include "runner/loaded_method.h"
#include "runner/model_source.h"

namespace etb::runner {

struct KvPlan {
  kv::Descriptor descriptor{};  // no planes: opaque
  kv::ModelTag tag{};           // key 0 then
  size_t arena = 0;             // index of the memory that holds it
};

inline constexpr size_t kKvArena = 1;  // of our own files: index of memory id 2

// `forward` was loaded with `kv_arena` as memory id 2. Opaque for a file without a manifest (stock
// files). Corrupt if program and manifest disagree.
Result<KvPlan> plan_kv(const MethodContext& context, LoadedMethod& forward,
                       std::span<const uint8_t> kv_arena);

struct ExportedProgram {
  std::span<const uint8_t> program;     // pre-checked
  std::vector<std::string> methods;     // those that run text
  std::span<const size_t> arena_sizes;  // id 1 first
  uint32_t context = 0;
};
// Of a stock file: as its program keeps it (model/state_layout.h). Rows are kept under who the
// files are (model/cache_files.h) and the program. Opaque where that is not known for certain.
Result<KvPlan> plan_exported_kv(const ModelSource& source, const ExportedProgram& exported);

}  // namespace etb::runner
