// Reading FlatBuffers without trusting them: every access is checked against the buffer, and what
// is out of it reads as absent. Values are copied out, so alignment does not matter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace etb::model {

using Bytes = std::span<const uint8_t>;

// True and the value if all its bytes are inside; little-endian machines only (all we build for).
template <class T>
bool read_scalar(Bytes bytes, uint64_t at, T& value) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) return false;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return true;
}

class FlatTable;

// A vector of scalars, or of offsets to tables. Empty if absent or not wholly inside the buffer.
class FlatVector {
 public:
  FlatVector() = default;
  FlatVector(Bytes bytes, uint64_t at, size_t width);

  bool exists() const { return exists_; }
  size_t size() const { return width_ == 0 ? 0 : elements_.size() / width_; }
  // Precondition: T is as wide as the elements. Out of range reads as 0.
  template <class T>
  T get(size_t index) const {
    T value{};
    read_scalar(elements_, uint64_t{index} * sizeof(T), value);
    return value;
  }
  FlatTable table(size_t index) const;
  Bytes bytes() const { return elements_; }

 private:
  Bytes buffer_;
  Bytes elements_;
  uint64_t start_ = 0;  // of the elements
  size_t width_ = 0;
  bool exists_ = false;
};

class FlatTable {
 public:
  FlatTable() = default;  // absent: every field reads as its default
  FlatTable(Bytes bytes, uint64_t at);

  bool exists() const { return vtable_size_ != 0; }
  // Where the field's bytes are; 0 if the field is absent (a table never begins at 0).
  uint64_t field(int slot) const;
  template <class T>
  T get(int slot, T otherwise = T{}) const {
    T value = otherwise;
    const uint64_t at = field(slot);
    return at != 0 && read_scalar(bytes_, at, value) ? value : otherwise;
  }
  FlatTable table(int slot) const;
  FlatVector vector(int slot, size_t width) const;
  FlatVector tables(int slot) const { return vector(slot, sizeof(uint32_t)); }
  std::string_view string(int slot) const;
  bool has(int slot) const { return field(slot) != 0; }

 private:
  // Where the offset in the field points; 0 if absent.
  uint64_t target(int slot) const;

  Bytes bytes_;
  uint64_t at_ = 0;
  uint64_t vtable_ = 0;
  uint16_t vtable_size_ = 0;
};

}  // namespace etb::model
