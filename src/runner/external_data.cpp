#include "runner/external_data.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace etb::runner {

namespace et = executorch::runtime;

Result<std::unique_ptr<ExternalDataMap>> ExternalDataMap::create(std::vector<model::PtdFile> files,
                                                                 Needs needs) {
  std::unique_ptr<ExternalDataMap> map(new ExternalDataMap(std::move(files), std::move(needs)));
  for (const model::PtdFile& file : map->files_) {
    for (const model::ExternalData& data : file.data()) map->all_.push_back(&data);
  }
  const auto key = [](const model::ExternalData* data) -> const std::string& { return data->key; };
  std::ranges::sort(map->all_, {}, key);
  const auto twice = std::ranges::adjacent_find(map->all_, {}, key);
  if (twice == map->all_.end()) return map;
  return Status(StatusCode::InvalidArgument,
                concat("two of the .ptd files have data named '", (*twice)->key,
                       "'; give only those that belong to the model"));
}

Status ExternalDataMap::check(std::string_view method) const {
  const auto needed = needs_.find(method);
  if (needed == needs_.end()) return {};
  const auto lacking = std::ranges::find_if(
      needed->second, [this](const std::string& name) { return find(name) == nullptr; });
  if (lacking == needed->second.end()) return {};
  return {StatusCode::NotFound,
          concat("it lacks weights, '", *lacking, "' for one; ", kWhereWeightsAre)};
}

const model::ExternalData* ExternalDataMap::find(std::string_view key) const {
  const auto found = std::ranges::lower_bound(
      all_, key, {}, [](const model::ExternalData* data) -> std::string_view { return data->key; });
  return found != all_.end() && (*found)->key == key ? *found : nullptr;
}

et::Result<const et::TensorLayout> ExternalDataMap::get_tensor_layout(std::string_view key) const {
  const model::ExternalData* const data = find(key);
  if (data == nullptr) return et::Error::NotFound;
  if (!data->layout) return et::Error::InvalidExternalData;
  const model::TensorLayout& layout = *data->layout;
  return et::TensorLayout::create({layout.sizes.data(), layout.sizes.size()},
                                  {layout.order.data(), layout.order.size()},
                                  static_cast<executorch::aten::ScalarType>(layout.type));
}

et::Result<et::FreeableBuffer> ExternalDataMap::get_data(std::string_view key) const {
  const model::ExternalData* const data = find(key);
  if (data == nullptr) return et::Error::NotFound;
  return et::FreeableBuffer(data->bytes.data(), data->bytes.size(), nullptr);
}

et::Error ExternalDataMap::load_data_into(std::string_view key, void* buffer, size_t size) const {
  const model::ExternalData* const data = find(key);
  if (data == nullptr) return et::Error::NotFound;
  if (buffer == nullptr || size > data->bytes.size()) return et::Error::InvalidArgument;
  if (size > 0) std::memcpy(buffer, data->bytes.data(), size);
  return et::Error::Ok;
}

et::Result<uint32_t> ExternalDataMap::get_num_keys() const {
  return static_cast<uint32_t>(all_.size());
}

et::Result<const char*> ExternalDataMap::get_key(uint32_t index) const {
  if (index >= all_.size()) return et::Error::InvalidArgument;
  return all_[index]->key.c_str();
}

}  // namespace etb::runner
