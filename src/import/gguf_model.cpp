// Finds and opens the parts of a split GGUF model.
#include "import/gguf_model.h"

#include <charconv>
#include <cstdio>

#include "base/text.h"
#include "platform/paths.h"

namespace etb::import {
namespace {

// "-00002-of-00005.gguf" at the end of a name.
struct PartName {
  uint32_t number = 0;
  uint32_t count = 0;
  std::string prefix;
};
constexpr std::string_view kOf = "-of-";
constexpr std::string_view kExtension = ".gguf";
constexpr size_t kDigits = 5;
constexpr size_t kTail = 1 + kDigits + kOf.size() + kDigits + kExtension.size();

bool read_digits(std::string_view text, uint32_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

bool split_name(const std::string& path, PartName& out) {
  if (path.size() < kTail) return false;
  const std::string_view tail = std::string_view(path).substr(path.size() - kTail);
  if (tail[0] != '-' || tail.substr(1 + kDigits, kOf.size()) != kOf ||
      !tail.ends_with(kExtension)) {
    return false;
  }
  out.prefix = path.substr(0, path.size() - kTail);
  return read_digits(tail.substr(1, kDigits), out.number) &&
         read_digits(tail.substr(1 + kDigits + kOf.size(), kDigits), out.count);
}

Status check_split_keys(const GgufFile& file, size_t index, size_t count) {
  ETB_ASSIGN_OR_RETURN(const auto parts, file.get_uint("split.count"));
  ETB_ASSIGN_OR_RETURN(const auto number, file.get_uint("split.no"));
  if (parts.value_or(count) == count && number.value_or(index) == index) return {};
  if (count == 1 && parts.value_or(1) > 1) {
    return Status(StatusCode::InvalidArgument,
                  concat(file.name(), ": this is one of ", *parts,
                         " parts, but not named so: keep the names NAME-00001-of-0000N.gguf"));
  }
  return Status(StatusCode::Corrupt, concat(file.name(), ": the file says it is not part ",
                                            index + 1, " of ", count, ", as its name does"));
}

}  // namespace

Result<std::vector<std::string>> gguf_part_paths(const std::string& path) {
  PartName name;
  if (!split_name(path, name)) return std::vector<std::string>{path};
  if (name.number == 0 || name.number > name.count || name.count > 1000) {
    return Status(StatusCode::InvalidArgument,
                  concat(path, ": its name says part ", name.number, " of ", name.count));
  }
  std::vector<std::string> paths;
  for (uint32_t i = 1; i <= name.count; ++i) {
    char tail[kTail + 1];
    std::snprintf(tail, sizeof(tail), "-%05u-of-%05u.gguf", i % 100000u, name.count % 100000u);
    paths.push_back(name.prefix + tail);
  }
  return paths;
}

Result<GgufModel> GgufModel::open(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const auto paths, gguf_part_paths(path));
  GgufModel model;
  std::unordered_map<std::string_view, size_t> seen;
  for (size_t i = 0; i < paths.size(); ++i) {
    ETB_ASSIGN_OR_RETURN(auto file, MappedFile::open(paths[i]));
    ETB_ASSIGN_OR_RETURN(auto gguf, GgufFile::parse(file->bytes(), paths[i]));
    ETB_RETURN_IF_ERROR(check_split_keys(gguf, i, paths.size()));
    for (const GgufTensor& tensor : gguf.tensors()) {
      if (!seen.emplace(tensor.name, i).second) {
        return Status(StatusCode::Corrupt,
                      concat(paths[i], ": tensor '", tensor.name, "' is in an earlier part too"));
      }
    }
    model.parts_.push_back({std::move(file), std::move(gguf)});
  }
  ETB_ASSIGN_OR_RETURN(const auto total, model.metadata().get_uint("split.tensors.count"));
  if (total.value_or(model.tensor_count()) != model.tensor_count()) {
    return Status(StatusCode::Corrupt, concat(path, ": the parts hold ", model.tensor_count(),
                                              " of ", *total, " tensors"));
  }
  return model;
}

Result<GgufModel> GgufModel::from_bytes(std::span<const uint8_t> bytes, std::string_view name) {
  ETB_ASSIGN_OR_RETURN(auto gguf, GgufFile::parse(bytes, name));
  ETB_RETURN_IF_ERROR(check_split_keys(gguf, 0, 1));
  GgufModel model;
  model.parts_.push_back({nullptr, std::move(gguf)});
  return model;
}

const GgufTensor* GgufModel::find_tensor(std::string_view name) const {
  for (const GgufPart& part : parts_) {
    if (const GgufTensor* tensor = part.gguf.find_tensor(name)) return tensor;
  }
  return nullptr;
}

size_t GgufModel::tensor_count() const {
  size_t count = 0;
  for (const GgufPart& part : parts_) count += part.gguf.tensors().size();
  return count;
}

uint64_t GgufModel::total_bytes() const {
  uint64_t bytes = 0;
  for (const GgufPart& part : parts_) bytes += part.gguf.bytes().size();
  return bytes;
}

}  // namespace etb::import
