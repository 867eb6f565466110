// Where a program keeps its KV cache: the layers' places come from the program itself, their shapes
// from the manifest of the file.
#pragma once

#include <cstdint>
#include <span>

#include "base/status.h"
#include "kv/descriptor.h"
#include "kv/rows.h"
#include "runner/loaded_method.h"

namespace etb::runner {

struct KvPlan {
  kv::Descriptor descriptor{};  // no layers: opaque
  kv::ModelTag tag{};           // key 0 then
};

// `forward` was loaded with `kv_arena` as memory id 2. Opaque for a file without a manifest (stock
// files). Corrupt if program and manifest disagree.
Result<KvPlan> plan_kv(const MethodContext& context, LoadedMethod& forward,
                       std::span<const uint8_t> kv_arena);

}  // namespace etb::runner
