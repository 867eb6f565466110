// From a GGUF's keys to a model's shape, and the guard against keys that this version would have to
// obey but does not know.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "family/family.h"
#include "import/gguf_model.h"
#include "model/manifest.h"

namespace etb::import {

// The family's row. Unsupported names the architecture and lists those known.
Result<const family::FamilyRow*> family_of(const GgufModel& gguf);

// Every key below "ARCH." that the row does not know and whose value is not neutral is Unsupported
// and named.
Status check_keys(const GgufModel& gguf, const family::FamilyRow& row);

// Corrupt or Unsupported names the key. The vocabulary's size comes from the embedding table.
Result<model::ModelShape> read_shape(const GgufModel& gguf, const family::FamilyRow& row);

// The n_rot / 2 inverse frequencies: base^(-2i/n_rot), divided by rope_freqs.weight if there is
// one, and by a linear scaling factor.
Result<std::vector<float>> read_inv_freq(const GgufModel& gguf, const model::ModelShape& shape);

}  // namespace etb::import
