// Any bytes as a .ptd: weights of a stock model, as a load maps them.
// rooms: model platform base
#include <cstddef>
#include <cstdint>
#include <span>

#include "model/ptd_file.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace etb::model;
  const std::span<const uint8_t> bytes(data, size);
  const auto file = PtdFile::parse(bytes, "input");
  if (!file.ok()) {
    require(file.status().message().find("input") != std::string_view::npos);
    return 0;
  }
  for (const ExternalData& weight : file->data()) {
    require(file->find(weight.key) == &weight);
    if (weight.bytes.empty()) continue;
    require(weight.bytes.data() >= data &&
            weight.bytes.data() + weight.bytes.size() <= data + size);
    volatile const uint8_t last = weight.bytes.back();
    static_cast<void>(last);
    if (!weight.layout) continue;
    uint64_t layout_bytes = scalar_bytes(weight.layout->type);
    for (const int32_t dim : weight.layout->sizes) layout_bytes *= static_cast<uint64_t>(dim);
    require(layout_bytes == weight.bytes.size());
  }
  return 0;
}
