// The packers. Each GGUF type is read 32 columns of a row at a time into a Piece (scales and values
// as the packed format wants them); scattering a Piece into its block is the same for all.
#include "layout/pack.h"

#include <array>
#include <cstring>

#include "base/text.h"
#include "layout/half.h"

namespace etb::layout {
namespace {

// 32 columns of one row: 4-bit formats fill q[0..15] in GGUF's nibble pairing, 8-bit ones all.
struct Piece {
  uint16_t scale[2];
  uint8_t q[32];
};

uint16_t load_u16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}
void store_u16(uint8_t* at, uint16_t value) {
  std::memcpy(at, &value, sizeof(value));
}

// Adds bit j of `high` as the fifth bit of the value in nibble j.
void five_bit_values(const uint8_t* high, const uint8_t* qs, uint8_t* out) {
  uint32_t bits;
  std::memcpy(&bits, high, sizeof(bits));
  for (size_t j = 0; j < 16; ++j) {
    out[j] = static_cast<uint8_t>((qs[j] & 15u) | (((bits >> j) & 1u) << 4));
    out[j + 16] = static_cast<uint8_t>((qs[j] >> 4) | (((bits >> (j + 16)) & 1u) << 4));
  }
}

// Scale and minimum of K-quant sub-block j as f16 products; the minimum is subtracted in GGUF and
// added here.
void k_scales(const uint8_t* block, size_t j, Piece& piece) {
  const uint8_t* s = block + 4;
  unsigned scale = s[j % 4 + (j < 4 ? 0 : 8)];
  unsigned min = 0;
  if (j < 4) {
    scale &= 63u;
    min = s[j + 4] & 63u;
  } else {
    min = (scale >> 4) | ((s[j] >> 6) << 4);
    scale = (scale & 15u) | ((s[j - 4] >> 6) << 4);
  }
  piece.scale[0] = float_to_half(half_to_float(load_u16(block)) * static_cast<float>(scale));
  piece.scale[1] = float_to_half(-(half_to_float(load_u16(block + 2)) * static_cast<float>(min)));
}

template <GgmlType type>
void read_piece(const uint8_t* row, size_t index, Piece& piece);

template <>
void read_piece<GgmlType::Q4_0>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index * 18;
  piece.scale[0] = load_u16(block);
  std::memcpy(piece.q, block + 2, 16);
}

template <>
void read_piece<GgmlType::Q4_1>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index * 20;
  std::memcpy(piece.scale, block, 4);
  std::memcpy(piece.q, block + 4, 16);
}

template <>
void read_piece<GgmlType::Q4_K>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index / 8 * 144;
  const size_t sub = index % 8;
  k_scales(block, sub, piece);
  const uint8_t* qs = block + 16 + sub / 2 * 32;
  const unsigned shift = sub % 2 == 0 ? 0 : 4;
  for (size_t j = 0; j < 16; ++j) {
    piece.q[j] =
        static_cast<uint8_t>(((qs[j] >> shift) & 15u) | (((qs[j + 16] >> shift) & 15u) << 4));
  }
}

template <>
void read_piece<GgmlType::Q5_0>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index * 22;
  piece.scale[0] = load_u16(block);
  five_bit_values(block + 2, block + 6, piece.q);
  for (uint8_t& q : piece.q) q = static_cast<uint8_t>(q - 16);
}

template <>
void read_piece<GgmlType::Q5_1>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index * 24;
  std::memcpy(piece.scale, block, 4);
  five_bit_values(block + 4, block + 8, piece.q);
}

template <>
void read_piece<GgmlType::Q5_K>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index / 8 * 176;
  const size_t sub = index % 8;
  k_scales(block, sub, piece);
  const uint8_t* qs = block + 48 + sub / 2 * 32;
  const unsigned shift = sub % 2 == 0 ? 0 : 4;
  for (size_t j = 0; j < 32; ++j) {
    piece.q[j] =
        static_cast<uint8_t>(((qs[j] >> shift) & 15u) | (((block[16 + j] >> sub) & 1u) << 4));
  }
}

template <>
void read_piece<GgmlType::Q6_K>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index / 8 * 210;
  const size_t sub = index % 8;  // of 32 columns: two scales each
  const size_t quarter = sub % 4;
  const float d = half_to_float(load_u16(block + 208));
  for (size_t i = 0; i < 2; ++i) {
    const auto scale = static_cast<int8_t>(block[192 + sub * 2 + i]);
    piece.scale[i] = float_to_half(d * static_cast<float>(scale));
  }
  const uint8_t* low = block + sub / 4 * 64 + quarter % 2 * 32;
  const uint8_t* high = block + 128 + sub / 4 * 32;
  const unsigned low_shift = quarter < 2 ? 0 : 4;
  for (size_t j = 0; j < 32; ++j) {
    const unsigned q = ((low[j] >> low_shift) & 15u) | (((high[j] >> (2 * quarter)) & 3u) << 4);
    piece.q[j] = static_cast<uint8_t>(q - 32);
  }
}

template <>
void read_piece<GgmlType::Q8_0>(const uint8_t* row, size_t index, Piece& piece) {
  const uint8_t* block = row + index * 34;
  piece.scale[0] = load_u16(block);
  std::memcpy(piece.q, block + 2, 32);
}

// Bytes of an output block's scales, and of a row's values.
constexpr size_t scale_count(WeightFormat format) {
  return format == WeightFormat::W4S || format == WeightFormat::W8S ? 1 : 2;
}
constexpr size_t value_bytes(WeightFormat format) {
  return format == WeightFormat::W4S || format == WeightFormat::W4A ? 16 : 32;
}

using GroupRows = std::array<const uint8_t*, kRowGroup>;  // null: past the last row

// A row group of a quantised type.
template <GgmlType type, WeightFormat format>
void pack_quantised(const GroupRows& rows, size_t cols, uint8_t* out) {
  constexpr size_t kScales = scale_count(format);
  constexpr size_t kValues = value_bytes(format);
  for (size_t index = 0; index < cols / kBlock; ++index, out += block_bytes(format)) {
    for (size_t r = 0; r < kRowGroup; ++r) {
      Piece piece{};
      if (rows[r] != nullptr) read_piece<type>(rows[r], index, piece);
      for (size_t i = 0; i < kScales; ++i) store_u16(out + i * 16 + r * 2, piece.scale[i]);
      uint8_t* qs = out + kScales * 16 + r * 8;
      for (size_t c = 0; c < kValues / 8; ++c) std::memcpy(qs + c * 64, piece.q + c * 8, 8);
    }
  }
}

// A row group of a float type of `kSize` bytes an element: its bytes, transposed.
template <size_t kSize>
void pack_floats(const GroupRows& rows, size_t cols, uint8_t* out) {
  for (size_t r = 0; r < kRowGroup; ++r) {
    uint8_t* to = out + r * kSize;
    for (size_t col = 0; col < cols; ++col, to += kRowGroup * kSize) {
      if (rows[r] == nullptr) {
        std::memset(to, 0, kSize);
      } else {
        std::memcpy(to, rows[r] + col * kSize, kSize);
      }
    }
  }
}

void pack_group(GgmlType type, const GroupRows& rows, size_t cols, uint8_t* out) {
  switch (type) {
    case GgmlType::F32:
      return pack_floats<4>(rows, cols, out);
    case GgmlType::F16:
    case GgmlType::BF16:
      return pack_floats<2>(rows, cols, out);
    case GgmlType::Q4_0:
      return pack_quantised<GgmlType::Q4_0, WeightFormat::W4S>(rows, cols, out);
    case GgmlType::Q4_1:
      return pack_quantised<GgmlType::Q4_1, WeightFormat::W4A>(rows, cols, out);
    case GgmlType::Q4_K:
      return pack_quantised<GgmlType::Q4_K, WeightFormat::W4A>(rows, cols, out);
    case GgmlType::Q5_0:
      return pack_quantised<GgmlType::Q5_0, WeightFormat::W8S>(rows, cols, out);
    case GgmlType::Q8_0:
      return pack_quantised<GgmlType::Q8_0, WeightFormat::W8S>(rows, cols, out);
    case GgmlType::Q5_1:
      return pack_quantised<GgmlType::Q5_1, WeightFormat::W8A>(rows, cols, out);
    case GgmlType::Q5_K:
      return pack_quantised<GgmlType::Q5_K, WeightFormat::W8A>(rows, cols, out);
    case GgmlType::Q6_K:
      return pack_quantised<GgmlType::Q6_K, WeightFormat::W8G16>(rows, cols, out);
  }
}

}  // namespace

WeightFormat packed_format(GgmlType type) {
  switch (type) {
    case GgmlType::F32:
      return WeightFormat::F32;
    case GgmlType::F16:
      return WeightFormat::F16;
    case GgmlType::BF16:
      return WeightFormat::BF16;
    case GgmlType::Q4_0:
      return WeightFormat::W4S;
    case GgmlType::Q4_1:
    case GgmlType::Q4_K:
      return WeightFormat::W4A;
    case GgmlType::Q5_0:
    case GgmlType::Q8_0:
      return WeightFormat::W8S;
    case GgmlType::Q5_1:
    case GgmlType::Q5_K:
      return WeightFormat::W8A;
    case GgmlType::Q6_K:
      return WeightFormat::W8G16;
  }
  return WeightFormat::F32;
}

Status check_source(const RowSource& source) {
  const size_t bytes = row_bytes(source.type, source.cols);
  if (bytes == 0 || data_bytes(packed_format(source.type), source.rows, source.cols) == 0) {
    return Status(
        StatusCode::InvalidArgument,
        concat(source.rows, " x ", source.cols, " elements of type ", block_info(source.type).name,
               " cannot be packed: rows must be multiples of 32 and of the type's block"));
  }
  uint64_t total = 0;
  if (__builtin_mul_overflow(uint64_t{bytes}, uint64_t{source.rows}, &total) ||
      total != source.bytes.size()) {
    return Status(StatusCode::InvalidArgument,
                  concat(source.rows, " rows of ", bytes, " bytes are not the ",
                         source.bytes.size(), " bytes given"));
  }
  const RowOrder& order = source.order;
  if (order.n_rot != 0 &&
      (order.n_rot % 2 != 0 || order.n_rot > order.head_dim || source.rows % order.head_dim != 0)) {
    return Status(StatusCode::InvalidArgument,
                  concat(source.rows, " rows are not whole heads of ", order.head_dim));
  }
  return {};
}

BlobHeader blob_header(const RowSource& source, uint64_t checksum) {
  BlobHeader header{};
  const WeightFormat format = packed_format(source.type);
  header.magic = kBlobMagic;
  header.version = kLayoutVersion;
  header.format = static_cast<uint32_t>(format);
  header.rows = static_cast<uint32_t>(source.rows);
  header.cols = static_cast<uint32_t>(source.cols);
  header.data_bytes = data_bytes(format, source.rows, source.cols);
  header.checksum = checksum;
  return header;
}

void pack_groups(const RowSource& source, size_t first, size_t count, uint8_t* out) {
  const size_t stride = row_bytes(source.type, source.cols);
  const size_t group_bytes = source.cols / kBlock * block_bytes(packed_format(source.type));
  for (size_t group = first; group < first + count; ++group, out += group_bytes) {
    GroupRows rows{};
    for (size_t r = 0; r < kRowGroup; ++r) {
      const size_t row = group * kRowGroup + r;
      if (row >= source.rows) break;
      rows[r] = source.bytes.data() + source.order.source_row(row) * stride;
    }
    pack_group(source.type, rows, source.cols, out);
  }
}

}  // namespace etb::layout
