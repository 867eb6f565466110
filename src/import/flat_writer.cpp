// The FlatBuffer wire format, as far as a program needs it.
#include "import/flat_writer.h"

#include <algorithm>
#include <cstring>

namespace etb::import {
namespace {

size_t kind_bytes(FlatWriter::Kind kind) {
  switch (kind) {
    case FlatWriter::Kind::U8:
      return 1;
    case FlatWriter::Kind::U32:
    case FlatWriter::Kind::Ref:
      return 4;
    case FlatWriter::Kind::U64:
      return 8;
  }
  return 0;
}

}  // namespace

template <class T>
void FlatWriter::put(size_t at, T value) {
  std::memcpy(bytes_.data() + at, &value, sizeof(value));
}

// Pads so that (size + skew) is a multiple of the alignment.
void FlatWriter::pad_to(size_t alignment, size_t skew) {
  while ((bytes_.size() + skew) % alignment != 0) bytes_.push_back(0);
}

size_t FlatWriter::vtable(const std::vector<uint16_t>& entries) {
  const auto known = vtables_.find(entries);
  if (known != vtables_.end()) return known->second;
  pad_to(2, 0);
  const size_t at = bytes_.size();
  bytes_.resize(at + entries.size() * 2);
  std::memcpy(bytes_.data() + at, entries.data(), entries.size() * 2);
  vtables_.emplace(entries, at);
  return at;
}

size_t FlatWriter::table(std::initializer_list<Field> fields) {
  // Larger fields first, behind the table's offset to its vtable: no padding between them.
  std::vector<Field> sorted(fields);
  std::ranges::stable_sort(sorted, std::ranges::greater{},
                           [](const Field& f) { return kind_bytes(f.kind); });
  uint16_t slots = 0;
  for (const Field& field : sorted) slots = std::max<uint16_t>(slots, field.slot + 1);
  std::vector<uint16_t> entries(2u + slots, 0);
  uint16_t size = 4;
  for (const Field& field : sorted) {
    entries[2u + field.slot] = size;
    size = static_cast<uint16_t>(size + kind_bytes(field.kind));
  }
  entries[0] = static_cast<uint16_t>(entries.size() * 2);
  entries[1] = size;
  const size_t vtable_at = vtable(entries);
  const bool wide = !sorted.empty() && sorted.front().kind == Kind::U64;
  pad_to(wide ? 8 : 4, wide ? 4 : 0);
  const size_t at = bytes_.size();
  bytes_.resize(at + size);
  put(at, static_cast<int32_t>(at - vtable_at));
  for (const Field& field : sorted) {
    const size_t field_at = at + entries[2u + field.slot];
    switch (field.kind) {
      case Kind::U8:
        put(field_at, static_cast<uint8_t>(field.value));
        break;
      case Kind::U32:
        put(field_at, static_cast<uint32_t>(field.value));
        break;
      case Kind::U64:
        put(field_at, field.value);
        break;
      case Kind::Ref:
        break;
    }
  }
  return at;
}

size_t FlatWriter::begin_vector(size_t count, size_t item_bytes) {
  pad_to(std::max<size_t>(item_bytes, 4), 4);
  const size_t at = bytes_.size();
  bytes_.resize(at + 4 + count * item_bytes);
  put(at, static_cast<uint32_t>(count));
  return at;
}

size_t FlatWriter::string(std::string_view text) {
  const size_t at = begin_vector(text.size(), 1);
  std::ranges::copy(text, bytes_.begin() + static_cast<std::ptrdiff_t>(at + 4));
  bytes_.push_back(0);
  return at;
}

size_t FlatWriter::vector_u8(std::span<const uint8_t> items) {
  const size_t at = begin_vector(items.size(), 1);
  std::ranges::copy(items, bytes_.begin() + static_cast<std::ptrdiff_t>(at + 4));
  return at;
}

size_t FlatWriter::vector_i32(std::span<const int32_t> items) {
  const size_t at = begin_vector(items.size(), 4);
  if (!items.empty()) std::memcpy(bytes_.data() + at + 4, items.data(), items.size_bytes());
  return at;
}

size_t FlatWriter::vector_u64(std::span<const uint64_t> items) {
  const size_t at = begin_vector(items.size(), 8);
  if (!items.empty()) std::memcpy(bytes_.data() + at + 4, items.data(), items.size_bytes());
  return at;
}

size_t FlatWriter::vector_refs(size_t count) {
  return begin_vector(count, 4);
}

void FlatWriter::point(size_t field, size_t target) {
  put(field, static_cast<uint32_t>(target - field));
}

void FlatWriter::link(size_t table, uint16_t slot, size_t target) {
  int32_t back = 0;
  std::memcpy(&back, bytes_.data() + table, sizeof(back));
  const size_t vtable_at = table - static_cast<size_t>(back);
  uint16_t offset = 0;
  std::memcpy(&offset, bytes_.data() + vtable_at + 4 + 2u * slot, sizeof(offset));
  point(table + offset, target);
}

void FlatWriter::link_item(size_t vector, size_t index, size_t target) {
  point(vector + 4 + 4 * index, target);
}

void FlatWriter::link_root(size_t target) {
  put(0, static_cast<uint32_t>(target));
}

}  // namespace etb::import
