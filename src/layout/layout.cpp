// Names, sizes and checks of packed blobs, and the element() oracle that reads the definition in
// layout.h literally.
#include "layout/layout.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string>

#include "base/text.h"
#include "layout/half.h"

static_assert(std::endian::native == std::endian::little, "blobs are read in place");

namespace etb::layout {
namespace {

struct FormatName {
  WeightFormat format;
  std::string_view name;
};
constexpr std::array<FormatName, 8> kFormatNames = {{
    {WeightFormat::W4S, "w4s"},
    {WeightFormat::W4A, "w4a"},
    {WeightFormat::W8S, "w8s"},
    {WeightFormat::W8G16, "w8g16"},
    {WeightFormat::W8A, "w8a"},
    {WeightFormat::F32, "f32"},
    {WeightFormat::F16, "f16"},
    {WeightFormat::BF16, "bf16"},
}};

uint16_t load_u16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

float load_half(const uint8_t* block, size_t index) {
  return half_to_float(load_u16(block + 2 * index));
}

// The unsigned 4-bit value of row r, column k (both inside the block).
int nibble_at(const uint8_t* qs, size_t r, size_t k) {
  const size_t byte = k % 16;
  const uint8_t both = qs[(byte / 8) * 64 + r * 8 + byte % 8];
  return k < 16 ? both & 15 : both >> 4;
}

size_t byte_index(size_t r, size_t k) {
  return (k / 8) * 64 + r * 8 + k % 8;
}

float float_at(WeightFormat format, const uint8_t* block, size_t index) {
  if (format == WeightFormat::F32) {
    float value;
    std::memcpy(&value, block + 4 * index, sizeof(value));
    return value;
  }
  const uint16_t bits = load_u16(block + 2 * index);
  return format == WeightFormat::F16 ? half_to_float(bits) : bfloat_to_float(bits);
}

}  // namespace

std::string_view format_name(WeightFormat format) {
  for (const FormatName& entry : kFormatNames) {
    if (entry.format == format) return entry.name;
  }
  return "unknown";
}

Result<WeightFormat> format_from_name(std::string_view name) {
  for (const FormatName& entry : kFormatNames) {
    if (entry.name == name) return entry.format;
  }
  return Status(StatusCode::Unsupported, concat("weight format '", name, "' is not known"));
}

size_t data_bytes(WeightFormat format, uint64_t rows, uint64_t cols) {
  const size_t block = block_bytes(format);
  if (block == 0 || rows == 0 || cols == 0 || cols % kBlock != 0) return 0;
  if (rows > std::numeric_limits<uint32_t>::max() || cols > std::numeric_limits<uint32_t>::max()) {
    return 0;
  }
  const uint64_t groups = (rows + kRowGroup - 1) / kRowGroup;
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(groups * (cols / kBlock), static_cast<uint64_t>(block), &bytes)) {
    return 0;
  }
  return bytes > std::numeric_limits<size_t>::max() / 2 ? 0 : static_cast<size_t>(bytes);
}

Result<Matrix> open_blob(std::span<const uint8_t> blob) {
  BlobHeader header;
  if (blob.size() < sizeof(header)) {
    return Status(StatusCode::Corrupt,
                  concat("a weight blob of ", blob.size(), " bytes is too short for its header"));
  }
  std::memcpy(&header, blob.data(), sizeof(header));
  if (header.magic != kBlobMagic) {
    return Status(StatusCode::Corrupt, "a weight blob does not start with its magic number");
  }
  if (header.version != kLayoutVersion || header.flags != 0) {
    return Status(StatusCode::Unsupported,
                  concat("weight layout version ", header.version, " flags ", header.flags,
                         " is not known: import the model again with this version"));
  }
  const auto format = static_cast<WeightFormat>(header.format);
  const size_t bytes = data_bytes(format, header.rows, header.cols);
  if (bytes == 0) {
    return Status(StatusCode::Corrupt, concat("a weight blob of format ", header.format, " has ",
                                              header.rows, " x ", header.cols, " elements"));
  }
  if (header.data_bytes != bytes || blob.size() - sizeof(header) < bytes) {
    return Status(StatusCode::Corrupt, concat("a weight blob holds ", blob.size() - sizeof(header),
                                              " of ", bytes, " data bytes"));
  }
  return Matrix{format, header.rows, header.cols, blob.data() + sizeof(header)};
}

float element(const Matrix& matrix, size_t row, size_t col) {
  const uint8_t* block = matrix.data + (row / kRowGroup) * matrix.group_bytes() +
                         (col / kBlock) * block_bytes(matrix.format);
  const size_t r = row % kRowGroup;
  const size_t k = col % kBlock;
  switch (matrix.format) {
    case WeightFormat::W4S:
      return load_half(block, r) * static_cast<float>(nibble_at(block + 16, r, k) - 8);
    case WeightFormat::W4A:
      return load_half(block, r) * static_cast<float>(nibble_at(block + 32, r, k)) +
             load_half(block, 8 + r);
    case WeightFormat::W8S:
      return load_half(block, r) *
             static_cast<float>(static_cast<int8_t>(block[16 + byte_index(r, k)]));
    case WeightFormat::W8G16:
      return load_half(block, (k / 16) * 8 + r) *
             static_cast<float>(static_cast<int8_t>(block[32 + byte_index(r, k)]));
    case WeightFormat::W8A:
      return load_half(block, r) * static_cast<float>(block[32 + byte_index(r, k)]) +
             load_half(block, 8 + r);
    case WeightFormat::F32:
    case WeightFormat::F16:
    case WeightFormat::BF16:
      return float_at(matrix.format, block, k * kRowGroup + r);
  }
  return 0.0f;
}

}  // namespace etb::layout
