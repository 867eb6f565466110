// Writes GGUF headers for tests: keys and tensor table exactly as told, right or wrong.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "import/gguf_file.h"

namespace etb::test {

class GgufWriter {
 public:
  void key_u32(std::string_view key, uint32_t value);
  void key_f32(std::string_view key, float value);
  void key_bool(std::string_view key, bool value);
  void key_text(std::string_view key, std::string_view value);
  void key_texts(std::string_view key, const std::vector<std::string>& values);
  void key_floats(std::string_view key, const std::vector<float>& values);
  void key_ints(std::string_view key, const std::vector<int32_t>& values);
  // `payload` as it stands, whatever the type says.
  void key_raw(std::string_view key, uint32_t type, std::string_view payload);

  // dims[0] is the row length. The offset is the next free one; bytes follow from type and dims.
  void tensor(std::string_view name, layout::GgmlType type, const std::vector<uint64_t>& dims);
  void tensor_raw(std::string_view name, uint32_t type, const std::vector<uint64_t>& dims,
                  uint64_t offset);

  // Everything before the tensors' bytes, padded to `alignment` (not written as a key).
  std::string header(uint32_t version = 3, uint64_t alignment = 32) const;
  uint64_t data_bytes() const { return data_bytes_; }  // offsets of tensor() are multiples of 32

 private:
  void begin_key(std::string_view key, import::GgufType type);
  void begin_array(std::string_view key, import::GgufType element, uint64_t count);

  std::string keys_;
  std::string table_;
  uint64_t key_count_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t data_bytes_ = 0;
};

}  // namespace etb::test
