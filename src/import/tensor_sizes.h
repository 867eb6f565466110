// The size each canonical tensor of a family must have, from the model's shape.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "base/status.h"
#include "family/family.h"
#include "model/manifest.h"

namespace etb::import {

// A manifest's tensors by name; views into the manifest.
class TensorIndex {
 public:
  explicit TensorIndex(const model::Manifest& manifest);
  // Null if there is none.
  const model::TensorEntry* find(std::string_view name) const;

 private:
  std::unordered_map<std::string_view, const model::TensorEntry*> entries_;
};

uint64_t dim_size(family::Dim dim, const model::ModelShape& shape);

// InvalidArgument names the tensor that is missing, has another size than the shape says, or whose
// bytes are not those of its format.
Status check_tensor_sizes(const model::Manifest& manifest, const TensorIndex& index);

}  // namespace etb::import
