// A .ptd: weights of a stock model that lie in a file of their own, each under a name. Read where
// they lie; whatever the file says of them has been checked when it opens, so that what
// asks for a weight gets all of its bytes or none.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/scalar_type.h"
#include "platform/mapped_file.h"

namespace etb::model {

struct TensorLayout {
  ScalarType type = ScalarType::Byte;
  std::vector<int32_t> sizes;  // none negative; their product fits the data
  std::vector<uint8_t> order;  // of the dimensions in memory, outermost first: a permutation
};

struct ExternalData {
  std::string key;
  std::span<const uint8_t> bytes;
  std::optional<TensorLayout> layout;  // of a tensor: as many bytes as it says
};

class PtdFile {
 public:
  // Errors name the path: NotFound, InvalidArgument, Corrupt (cut short, damaged), Unsupported.
  static Result<PtdFile> open(const std::string& path);
  static Result<PtdFile> from(std::shared_ptr<const MappedFile> file);
  // `bytes` must outlive the PtdFile. `name` stands in messages.
  static Result<PtdFile> parse(std::span<const uint8_t> bytes, std::string name);

  const std::string& name() const { return name_; }
  // Null after parse().
  const std::shared_ptr<const MappedFile>& mapping() const { return mapping_; }
  // By key, each once.
  const std::vector<ExternalData>& data() const { return data_; }
  // Null if there is none of that name.
  const ExternalData* find(std::string_view key) const;

 private:
  PtdFile(std::span<const uint8_t> bytes, std::string name)
      : name_(std::move(name)), bytes_(bytes) {}
  Status read();

  std::string name_;
  std::shared_ptr<const MappedFile> mapping_;
  std::span<const uint8_t> bytes_;
  std::vector<ExternalData> data_;
};

}  // namespace etb::model
