// A GGUF file (version 2 or 3, little-endian) read where it lies: metadata and tensor table are
// checked completely at open, tensor bytes are never touched. Nothing here trusts a length, a count
// or an offset; every refusal names the key or tensor and, where there is one, the remedy.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "layout/gguf_blocks.h"

namespace etb::import {

enum class GgufType : uint32_t {
  U8 = 0,
  I8 = 1,
  U16 = 2,
  I16 = 3,
  U32 = 4,
  I32 = 5,
  F32 = 6,
  Bool = 7,
  String = 8,
  Array = 9,
  U64 = 10,
  I64 = 11,
  F64 = 12,
};

struct GgufValue {
  std::string_view key;
  GgufType type{};
  GgufType element{};                // of an array
  uint64_t count = 1;                // of an array
  std::span<const uint8_t> payload;  // the value's bytes; of an array, its elements'
};

struct GgufTensor {
  std::string_view name;
  layout::GgmlType type{};
  uint64_t cols = 0;  // dims[0]: the row length
  uint64_t rows = 0;  // product of the other dims
  uint32_t dims = 0;
  std::span<const uint8_t> bytes;  // exactly rows * row bytes, inside the file
};

class GgufFile {
 public:
  // Keeps views into `bytes`, which must outlive it. `name` stands in messages.
  // Corrupt: broken or truncated; Unsupported: version, endianness or a tensor type.
  static Result<GgufFile> parse(std::span<const uint8_t> bytes, std::string_view name);

  uint32_t version() const { return version_; }
  std::span<const uint8_t> bytes() const { return bytes_; }
  const std::string& name() const { return name_; }
  const std::vector<GgufValue>& values() const { return values_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  uint64_t data_start() const { return data_start_; }

  const GgufValue* find(std::string_view key) const;
  const GgufTensor* find_tensor(std::string_view tensor) const;

  // nullopt: no such key. Corrupt, naming the key: another type, or a negative number.
  Result<std::optional<uint64_t>> get_uint(std::string_view key) const;
  Result<std::optional<double>> get_real(std::string_view key) const;  // integers too
  Result<std::optional<bool>> get_bool(std::string_view key) const;
  Result<std::optional<std::string_view>> get_string(std::string_view key) const;
  // Views into the file, one an element.
  Result<std::optional<std::vector<std::string_view>>> get_strings(std::string_view key) const;
  Result<std::optional<std::vector<float>>> get_floats(std::string_view key) const;
  Result<std::optional<std::vector<int64_t>>> get_ints(std::string_view key) const;

 private:
  friend class GgufParser;
  Status wrong_type(const GgufValue& value, std::string_view wanted) const;

  std::string name_;
  std::span<const uint8_t> bytes_;
  uint32_t version_ = 0;
  uint64_t data_start_ = 0;
  std::vector<GgufValue> values_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string_view, size_t> value_index_;
  std::unordered_map<std::string_view, size_t> tensor_index_;
};

}  // namespace etb::import
