// Weights of .ptd files for the runtime: looked up here, so that it neither parses nor copies them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <executorch/runtime/core/named_data_map.h>

#include "base/status.h"
#include "model/ptd_file.h"

namespace etb::runner {

// How a user gives them.
inline constexpr std::string_view kWhereWeightsAre =
    "weights that are not in the model file lie in a .ptd: put the one that belongs to it beside "
    "it, under the same name, or give it with --data";

class ExternalDataMap final : public executorch::runtime::NamedDataMap {
 public:
  // The weights that each method takes from other files.
  using Needs = std::map<std::string, std::vector<std::string>, std::less<>>;

  // InvalidArgument if two files have data of the same name.
  static Result<std::unique_ptr<ExternalDataMap>> create(std::vector<model::PtdFile> files,
                                                         Needs needs);

  // NotFound, naming a weight, if the files lack what the method needs.
  Status check(std::string_view method) const;

  executorch::runtime::Result<const executorch::runtime::TensorLayout> get_tensor_layout(
      std::string_view key) const override;
  // Bytes of the mapping; nothing to free.
  executorch::runtime::Result<executorch::runtime::FreeableBuffer> get_data(
      std::string_view key) const override;
  executorch::runtime::Error load_data_into(std::string_view key, void* buffer,
                                            size_t size) const override;
  executorch::runtime::Result<uint32_t> get_num_keys() const override;
  executorch::runtime::Result<const char*> get_key(uint32_t index) const override;

 private:
  ExternalDataMap(std::vector<model::PtdFile> files, Needs needs)
      : files_(std::move(files)), needs_(std::move(needs)) {}
  const model::ExternalData* find(std::string_view key) const;

  std::vector<model::PtdFile> files_;
  Needs needs_;
  std::vector<const model::ExternalData*> all_;  // sorted by key
};

}  // namespace etb::runner
