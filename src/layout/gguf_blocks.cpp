// Reference dequantisation, one function a block type, written from the definitions of the format
// without any cleverness: what the packers are checked against.
#include "layout/gguf_blocks.h"

#include <array>
#include <cstring>

#include "layout/half.h"

namespace etb::layout {
namespace {

constexpr std::array<BlockInfo, 11> kBlocks = {{
    {GgmlType::F32, "F32", 1, 4},
    {GgmlType::F16, "F16", 1, 2},
    {GgmlType::BF16, "BF16", 1, 2},
    {GgmlType::Q4_0, "Q4_0", 32, 18},
    {GgmlType::Q4_1, "Q4_1", 32, 20},
    {GgmlType::Q5_0, "Q5_0", 32, 22},
    {GgmlType::Q5_1, "Q5_1", 32, 24},
    {GgmlType::Q8_0, "Q8_0", 32, 34},
    {GgmlType::Q4_K, "Q4_K", 256, 144},
    {GgmlType::Q5_K, "Q5_K", 256, 176},
    {GgmlType::Q6_K, "Q6_K", 256, 210},
}};

struct TypeName {
  uint32_t type;
  std::string_view name;
};
// What else files in the wild carry, so that a refusal can name it.
constexpr std::array<TypeName, 22> kOtherTypes = {{
    {9, "Q8_1"},     {10, "Q2_K"},  {11, "Q3_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"},
    {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"},
    {24, "I8"},      {25, "I16"},   {26, "I32"},    {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},
    {34, "TQ1_0"},   {35, "TQ2_0"}, {39, "MXFP4"},  {40, "NVFP4"},
}};

uint16_t load_u16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}
float load_half(const uint8_t* at) {
  return half_to_float(load_u16(at));
}

void dequantise_f32(const uint8_t* block, float* out) {
  std::memcpy(out, block, sizeof(float));
}
void dequantise_f16(const uint8_t* block, float* out) {
  *out = load_half(block);
}
void dequantise_bf16(const uint8_t* block, float* out) {
  *out = bfloat_to_float(load_u16(block));
}

void dequantise_q4_0(const uint8_t* block, float* out) {
  const float d = load_half(block);
  for (size_t j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>((block[2 + j] & 15) - 8);
    out[j + 16] = d * static_cast<float>((block[2 + j] >> 4) - 8);
  }
}

void dequantise_q4_1(const uint8_t* block, float* out) {
  const float d = load_half(block);
  const float m = load_half(block + 2);
  for (size_t j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(block[4 + j] & 15) + m;
    out[j + 16] = d * static_cast<float>(block[4 + j] >> 4) + m;
  }
}

// The 5-bit value of element j: its nibble, and bit j of the high bits.
int five_bits(const uint8_t* high, const uint8_t* qs, size_t j) {
  const int nibble = j < 16 ? qs[j] & 15 : qs[j - 16] >> 4;
  return nibble | (((high[j / 8] >> (j % 8)) & 1) << 4);
}

void dequantise_q5_0(const uint8_t* block, float* out) {
  const float d = load_half(block);
  for (size_t j = 0; j < 32; ++j) {
    out[j] = d * static_cast<float>(five_bits(block + 2, block + 6, j) - 16);
  }
}

void dequantise_q5_1(const uint8_t* block, float* out) {
  const float d = load_half(block);
  const float m = load_half(block + 2);
  for (size_t j = 0; j < 32; ++j) {
    out[j] = d * static_cast<float>(five_bits(block + 4, block + 8, j)) + m;
  }
}

void dequantise_q8_0(const uint8_t* block, float* out) {
  const float d = load_half(block);
  for (size_t j = 0; j < 32; ++j) {
    out[j] = d * static_cast<float>(static_cast<int8_t>(block[2 + j]));
  }
}

struct ScalePair {
  int scale;
  int min;
};
// The eight 6-bit scales and minima of a K-quant's 12 bytes.
ScalePair k_scale(const uint8_t* s, size_t j) {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | ((s[j - 4] >> 6) << 4), (s[j + 4] >> 4) | ((s[j] >> 6) << 4)};
}

void dequantise_q4_k(const uint8_t* block, float* out) {
  const float d = load_half(block);
  const float dmin = load_half(block + 2);
  for (size_t i = 0; i < 256; ++i) {
    const size_t sub = i / 32;
    const ScalePair pair = k_scale(block + 4, sub);
    const uint8_t byte = block[16 + sub / 2 * 32 + i % 32];
    const int q = sub % 2 == 0 ? byte & 15 : byte >> 4;
    out[i] = d * static_cast<float>(pair.scale) * static_cast<float>(q) -
             dmin * static_cast<float>(pair.min);
  }
}

void dequantise_q5_k(const uint8_t* block, float* out) {
  const float d = load_half(block);
  const float dmin = load_half(block + 2);
  for (size_t i = 0; i < 256; ++i) {
    const size_t sub = i / 32;
    const ScalePair pair = k_scale(block + 4, sub);
    const uint8_t byte = block[48 + sub / 2 * 32 + i % 32];
    const int low = sub % 2 == 0 ? byte & 15 : byte >> 4;
    const int q = low | (((block[16 + i % 32] >> sub) & 1) << 4);
    out[i] = d * static_cast<float>(pair.scale) * static_cast<float>(q) -
             dmin * static_cast<float>(pair.min);
  }
}

void dequantise_q6_k(const uint8_t* block, float* out) {
  const float d = load_half(block + 208);
  for (size_t i = 0; i < 256; ++i) {
    const size_t half = i / 128;
    const size_t quarter = i % 128 / 32;
    const size_t l = i % 32;
    const uint8_t low = block[half * 64 + (quarter % 2) * 32 + l];
    const uint8_t high = block[128 + half * 32 + l];
    const int q = (quarter < 2 ? low & 15 : low >> 4) | (((high >> (2 * quarter)) & 3) << 4);
    const auto scale = static_cast<int8_t>(block[192 + i / 16]);
    out[i] = d * static_cast<float>(scale) * static_cast<float>(q - 32);
  }
}

using BlockFunction = void (*)(const uint8_t*, float*);
BlockFunction block_function(GgmlType type) {
  switch (type) {
    case GgmlType::F32:
      return dequantise_f32;
    case GgmlType::F16:
      return dequantise_f16;
    case GgmlType::BF16:
      return dequantise_bf16;
    case GgmlType::Q4_0:
      return dequantise_q4_0;
    case GgmlType::Q4_1:
      return dequantise_q4_1;
    case GgmlType::Q5_0:
      return dequantise_q5_0;
    case GgmlType::Q5_1:
      return dequantise_q5_1;
    case GgmlType::Q8_0:
      return dequantise_q8_0;
    case GgmlType::Q4_K:
      return dequantise_q4_k;
    case GgmlType::Q5_K:
      return dequantise_q5_k;
    case GgmlType::Q6_K:
      return dequantise_q6_k;
  }
  return nullptr;
}

}  // namespace

const BlockInfo* block_info(uint32_t ggml_type) {
  for (const BlockInfo& info : kBlocks) {
    if (static_cast<uint32_t>(info.type) == ggml_type) return &info;
  }
  return nullptr;
}

std::span<const BlockInfo> all_block_infos() {
  return kBlocks;
}

std::string_view ggml_type_name(uint32_t ggml_type) {
  if (const BlockInfo* info = block_info(ggml_type)) return info->name;
  for (const TypeName& other : kOtherTypes) {
    if (other.type == ggml_type) return other.name;
  }
  return "unknown";
}

size_t row_bytes(GgmlType type, size_t cols) {
  const BlockInfo& info = block_info(type);
  return cols % info.elements == 0 ? cols / info.elements * info.bytes : 0;
}

void dequantise_row(GgmlType type, const uint8_t* row, size_t cols, float* out) {
  const BlockInfo& info = block_info(type);
  const BlockFunction function = block_function(type);
  for (size_t block = 0; block < cols / info.elements; ++block) {
    function(row + block * info.bytes, out + block * info.elements);
  }
}

}  // namespace etb::layout
