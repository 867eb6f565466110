// The block types of GGUF files: their sizes, and a plain reference dequantisation that is the
// oracle of the packers. Definitions only: a block is read as the file has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace etb::layout {

// The numbers are GGUF's.
enum class GgmlType : uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  BF16 = 30,
};

struct BlockInfo {
  GgmlType type;
  std::string_view name;  // "Q4_K"
  size_t elements;        // of a block
  size_t bytes;
};

// Null if this build cannot read the type.
const BlockInfo* block_info(uint32_t ggml_type);
inline const BlockInfo& block_info(GgmlType type) {
  return *block_info(static_cast<uint32_t>(type));
}
std::span<const BlockInfo> all_block_infos();
// The name of any type a GGUF file may carry, also of those this build cannot read.
std::string_view ggml_type_name(uint32_t ggml_type);

// Bytes of a row; 0 if cols is not a multiple of the block.
size_t row_bytes(GgmlType type, size_t cols);

// One row. Preconditions: cols % block elements == 0; row holds row_bytes(type, cols).
void dequantise_row(GgmlType type, const uint8_t* row, size_t cols, float* out);

}  // namespace etb::layout
