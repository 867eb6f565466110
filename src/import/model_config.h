// From a GGUF's keys to a model's shape, and the guard against keys that this version would have to
// obey but does not know.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "family/family.h"
#include "import/gguf_model.h"
#include "model/manifest.h"

namespace etb::import {

// The family's row. Unsupported names the architecture and lists those known.
Result<const family::FamilyRow*> family_of(const GgufModel& gguf);

// Every key below "ARCH." that neither the row nor the common list knows and whose value is not
// neutral is Unsupported and named.
Status check_keys(const GgufModel& gguf, const family::FamilyRow& row);

// Corrupt or Unsupported names the key. The vocabulary's size comes from the embedding table.
Result<model::ModelShape> read_shape(const GgufModel& gguf, const family::FamilyRow& row);

// Names of the tensors of factors that the family's files may have.
std::span<const std::string_view> rope_factor_tensors(const family::FamilyRow& row);

// One set of n_rot / 2 inverse frequencies, base^(-2i/n_rot), under the name of its tensor.
struct Frequencies {
  std::string_view name;
  std::vector<float> values;
};
// inv_freq, divided by the file's factors, if any, and by a linear scaling factor; inv_freq_long
// with its own factors; inv_freq_window with the window's base. Which there are: model/manifest.h.
Result<std::vector<Frequencies>> read_frequencies(const GgufModel& gguf,
                                                  const family::FamilyRow& row,
                                                  const model::ModelShape& shape);

}  // namespace etb::import
