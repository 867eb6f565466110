// A GGUF model as one thing: a single file, or all parts of a split one (NAME-00001-of-0000N.gguf).
// Metadata is the first part's; tensors are those of all parts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "import/gguf_file.h"
#include "platform/mapped_file.h"

namespace etb::import {

// Every part's path, in order; just `path` if its name is not that of a part. Names only: the parts
// need not exist. InvalidArgument: a part number of 0 or beyond the count.
Result<std::vector<std::string>> gguf_part_paths(const std::string& path);

struct GgufPart {
  std::shared_ptr<MappedFile> file;  // null after from_bytes()
  GgufFile gguf;
};

class GgufModel {
 public:
  // Opens all parts. NotFound names a part that is missing; Corrupt a tensor that two parts carry,
  // or parts that do not belong together.
  static Result<GgufModel> open(const std::string& path);
  // One whole model in memory, which must outlive this. `name` stands in messages.
  static Result<GgufModel> from_bytes(std::span<const uint8_t> bytes, std::string_view name);

  const std::vector<GgufPart>& parts() const { return parts_; }
  const GgufFile& metadata() const { return parts_.front().gguf; }
  const GgufTensor* find_tensor(std::string_view name) const;
  size_t tensor_count() const;
  uint64_t total_bytes() const;

 private:
  std::vector<GgufPart> parts_;
};

}  // namespace etb::import
