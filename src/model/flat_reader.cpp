// Offsets are 32 bits and positions 64, so no sum here can overflow.
#include "model/flat_reader.h"

namespace etb::model {

FlatVector::FlatVector(Bytes bytes, uint64_t at, size_t width) : buffer_(bytes), width_(width) {
  uint32_t count = 0;
  if (at == 0 || width == 0 || !read_scalar(bytes, at, count)) return;
  start_ = at + sizeof(count);
  const uint64_t length = uint64_t{count} * width;
  if (length > bytes.size() - start_) return;
  elements_ = bytes.subspan(static_cast<size_t>(start_), static_cast<size_t>(length));
  exists_ = true;
}

FlatTable FlatVector::table(size_t index) const {
  const uint32_t offset = get<uint32_t>(index);
  if (offset == 0) return {};
  return FlatTable(buffer_, start_ + uint64_t{index} * sizeof(uint32_t) + offset);
}

FlatTable::FlatTable(Bytes bytes, uint64_t at) : bytes_(bytes), at_(at) {
  int32_t back = 0;
  if (at == 0 || !read_scalar(bytes, at, back)) return;
  const int64_t vtable = static_cast<int64_t>(at) - back;
  uint16_t size = 0;
  if (vtable < 0 || !read_scalar(bytes, static_cast<uint64_t>(vtable), size)) return;
  constexpr uint16_t kHead = 4;  // its own size and the table's
  const uint64_t room = bytes.size() - static_cast<uint64_t>(vtable);
  if (size < kHead || size > room) return;
  vtable_ = static_cast<uint64_t>(vtable);
  vtable_size_ = size;
}

uint64_t FlatTable::field(int slot) const {
  const uint64_t entry = 4 + uint64_t{2} * static_cast<unsigned>(slot);
  uint16_t offset = 0;
  if (entry + sizeof(offset) > vtable_size_) return 0;
  if (!read_scalar(bytes_, vtable_ + entry, offset) || offset == 0) return 0;
  return at_ + offset;
}

uint64_t FlatTable::target(int slot) const {
  const uint64_t at = field(slot);
  uint32_t offset = 0;
  if (at == 0 || !read_scalar(bytes_, at, offset) || offset == 0) return 0;
  return at + offset;
}

FlatTable FlatTable::table(int slot) const {
  const uint64_t at = target(slot);
  return at == 0 ? FlatTable() : FlatTable(bytes_, at);
}

FlatVector FlatTable::vector(int slot, size_t width) const {
  return FlatVector(bytes_, target(slot), width);
}

std::string_view FlatTable::string(int slot) const {
  const FlatVector text(bytes_, target(slot), 1);
  return {reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()};
}

}  // namespace etb::model
