// A small FlatBuffer writer. Parents are written before their children (all references point
// forward), so bytes are only ever appended and the extended header of a .pte can stand at its
// place from the beginning. Fields are always written, defaults too: a program's size depends on
// its shape, not on the numbers in it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string_view>
#include <vector>

namespace etb::import {

class FlatWriter {
 public:
  // The buffer begins with `prefix` zero bytes: root offset, identifier, headers.
  explicit FlatWriter(size_t prefix) : bytes_(prefix, 0) {}

  enum class Kind : uint8_t { U8, U32, U64, Ref };
  struct Field {
    uint16_t slot;  // in the table's vtable, from 0
    Kind kind;
    uint64_t value = 0;  // of a Ref: none, see link()
  };
  static Field u8(uint16_t slot, uint64_t value) { return {slot, Kind::U8, value}; }
  static Field u32(uint16_t slot, uint64_t value) { return {slot, Kind::U32, value}; }
  static Field u64(uint16_t slot, uint64_t value) { return {slot, Kind::U64, value}; }
  static Field ref(uint16_t slot) { return {slot, Kind::Ref, 0}; }

  // All of these return the position that a parent links to.
  size_t table(std::initializer_list<Field> fields);
  size_t string(std::string_view text);
  size_t vector_u8(std::span<const uint8_t> items);
  size_t vector_i32(std::span<const int32_t> items);
  size_t vector_u64(std::span<const uint64_t> items);
  size_t vector_refs(size_t count);  // elements are set with link_item()

  // Points a table's Ref field, or an element of a vector_refs, at a later position.
  void link(size_t table, uint16_t slot, size_t target);
  void link_item(size_t vector, size_t index, size_t target);
  void link_root(size_t target);  // the offset in bytes 0..3

  const std::vector<uint8_t>& bytes() const { return bytes_; }
  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  template <class T>
  void put(size_t at, T value);
  void pad_to(size_t alignment, size_t skew);
  size_t begin_vector(size_t count, size_t item_bytes);
  size_t vtable(const std::vector<uint16_t>& entries);
  void point(size_t field, size_t target);

  std::vector<uint8_t> bytes_;
  std::map<std::vector<uint16_t>, size_t> vtables_;  // equal ones are shared
};

}  // namespace etb::import
