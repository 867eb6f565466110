// Walks one protobuf message field by field. Lengths are checked; fields that are not known are for
// the caller to pass over.
#pragma once

#include <cstdint>
#include <string_view>

namespace etb::token {

struct ProtoField {
  uint32_t number = 0;
  bool is_bytes = false;   // else `value`: a varint, or the bits of a fixed-size number
  std::string_view bytes;  // a text, or a message
  uint64_t value = 0;
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  // False at the end and after an error: see ok().
  bool next(ProtoField& field) {
    field = {};
    uint64_t key = 0;
    if (!ok_ || rest_.empty()) return false;
    if (!read_varint(key) || key >> 32 != 0 || key >> 3 == 0) return fail();
    field.number = static_cast<uint32_t>(key >> 3);
    switch (key & 7) {
      case 0:
        return read_varint(field.value) || fail();
      case 1:
        return read_fixed(8, field.value) || fail();
      case 5:
        return read_fixed(4, field.value) || fail();
      case 2: {
        uint64_t length = 0;
        if (!read_varint(length) || length > rest_.size()) return fail();
        field.is_bytes = true;
        field.bytes = rest_.substr(0, static_cast<size_t>(length));
        rest_.remove_prefix(static_cast<size_t>(length));
        return true;
      }
      default:
        return fail();  // groups, which nobody writes any more
    }
  }

  bool ok() const { return ok_; }

 private:
  bool fail() { return ok_ = false; }

  bool read_varint(uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_[0]);
      rest_.remove_prefix(1);
      out |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool read_fixed(size_t size, uint64_t& out) {
    if (rest_.size() < size) return false;
    out = 0;
    for (size_t i = 0; i < size; ++i) {
      out |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8 * i);
    }
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace etb::token
