// What an import will do, decided before a byte is written: the manifest (without hashes) and, for
// each of its tensors, the source bytes it is made from.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "family/family.h"
#include "import/gguf_model.h"
#include "import/model_config.h"
#include "layout/pack.h"
#include "model/manifest.h"

namespace etb::import {

struct PlannedTensor {
  size_t entry = 0;          // in manifest.tensors
  size_t part = 0;           // of the GGUF model
  layout::RowSource source;  // its bytes lie in that part's mapping
};

struct ConversionPlan {
  model::Manifest manifest;
  std::vector<Frequencies> frequencies;  // tensors that no file carries
  std::vector<PlannedTensor> tensors;    // in the order of the source's bytes
};

// `context`: the default to bake in; 0: the model's own, at most 4096.
// Corrupt, Unsupported or InvalidArgument names the key or tensor. A tensor of the source that no
// rule uses is Unsupported: leaving it out would change the mathematics.
Result<ConversionPlan> plan_conversion(const GgufModel& gguf, const family::FamilyRow& row,
                                       uint32_t context);

}  // namespace etb::import
