#include "kv/kv_memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "kv/row_packing.h"

namespace etb::kv {
namespace {

uint32_t rewind_room(uint32_t window) {
  return std::min(window, kRewindRoom);
}

// Rows are given back so many at a time.
uint32_t release_step(uint32_t window) {
  return std::min(window, kTrimPositions);
}

Status no_room(uint32_t to, uint32_t context) {
  return {StatusCode::ContextFull, concat("KV rows up to ", to, " do not fit a context of ",
                                          context, ": load with a larger context")};
}

}  // namespace

uint64_t most_window_rows(uint32_t window, uint32_t chunk) {
  return uint64_t{window} + rewind_room(window) + release_step(window) + chunk;
}

KvMemory::KvMemory(Descriptor descriptor, AnonymousMemory arena)
    : descriptor_(std::move(descriptor)), arena_(std::move(arena)) {}

Result<KvMemory> KvMemory::reserve(Descriptor descriptor, size_t arena_bytes) {
  for (const Plane& plane : descriptor.planes()) {
    const size_t end = plane.offset + plane.bytes();
    if (end > arena_bytes) {
      return Status(StatusCode::InvalidArgument,
                    concat("a KV plane ends at byte ", end, " of ", arena_bytes));
    }
  }
  auto arena = AnonymousMemory::reserve(arena_bytes);
  if (!arena.ok()) return arena.status().with_context("KV cache");
  return KvMemory(std::move(descriptor), std::move(arena).value());
}

void KvMemory::advance(uint32_t position) {
  expect(position);
  const uint32_t window = descriptor_.largest_window();
  const uint32_t room = rewind_room(window);
  if (window == 0 || position < room || position - room < floor_ ||
      position - room - floor_ < release_step(window)) {
    return;
  }
  const uint32_t before = floor_;
  floor_ = position - room;
  for (size_t i = 0; i < descriptor_.planes().size(); ++i) {
    const Plane& plane = descriptor_.planes()[i];
    const uint32_t from = first_needed(plane.window, before);
    // From a page below: the one that the last time covered in part.
    release(descriptor_.unneeded_rows(i, from - std::min(from, rows_a_page(plane)),
                                      first_needed(plane.window, floor_)));
  }
}

void KvMemory::rewind(uint32_t position) {
  if (written_ < position || written_ - position < kTrimPositions) return;
  release_from(position);
}

void KvMemory::release_from(uint32_t position) {
  for (size_t i = 0; i < descriptor_.planes().size(); ++i) {
    // To a page above: the one that the last time covered in part.
    const uint32_t to =
        std::min(descriptor_.context(), written_ + rows_a_page(descriptor_.planes()[i]));
    release(descriptor_.rows_after(i, position, to));
  }
  written_ = position;
}

uint32_t KvMemory::rows_a_page(const Plane& plane) {
  return static_cast<uint32_t>(page_size() / plane.row_bytes + kTilePositions);
}

void KvMemory::release(const std::vector<ByteRange>& ranges) {
  for (const ByteRange& range : ranges) {
    static_cast<void>(arena_.release(range.offset, range.bytes));
  }
}

Status KvMemory::clear() {
  floor_ = 0;
  if (descriptor_.type() == KvType::AsExported) {
    release_from(0);
    return {};
  }
  written_ = 0;
  return arena_.discard(0, arena_.size());
}

size_t KvMemory::bytes_in_use(uint32_t position) const {
  size_t bytes = 0;
  for (const Plane& plane : descriptor_.planes()) {
    const uint32_t kept = position - std::min(position, first_needed(plane.window, floor_));
    bytes += plane.position_bytes() * kept;
  }
  return bytes;
}

uint32_t KvMemory::floor_of_rows(uint32_t from) const {
  return descriptor_.row_layout().complete(from, floor_) ? 0 : floor_;
}

Result<Rows> KvMemory::copy_out(uint32_t from, uint32_t to) const {
  Rows rows;
  rows.from = from;
  rows.to = to;
  rows.floor = floor_of_rows(from);
  rows.type = descriptor_.type();
  auto bytes = AnonymousMemory::reserve(descriptor_.row_layout().bytes(from, to, rows.floor));
  if (!bytes.ok()) return bytes.status().with_context("copy of KV rows");
  rows.bytes = std::move(bytes).value();
  pack_rows(descriptor_, {from, to, rows.floor}, arena_.data(), rows.bytes.data());
  return rows;
}

Status KvMemory::copy_in(const RowsView& rows) {
  if (rows.to > descriptor_.context()) return no_room(rows.to, descriptor_.context());
  expect(rows.to);
  floor_ = std::max(floor_, rows.floor);
  unpack_rows(descriptor_, {rows.from, rows.to, rows.floor}, rows.bytes.data(), arena_.data());
  return {};
}

Status KvMemory::copy_rows(const KvMemory& source, uint32_t from, uint32_t to) {
  if (descriptor_ != source.descriptor_) {
    return {StatusCode::InvalidArgument, "KV rows can only be copied between caches of one shape"};
  }
  if (from > to) {
    return {StatusCode::InvalidArgument, concat("KV rows ", from, " to ", to)};
  }
  if (to > descriptor_.context()) return no_room(to, descriptor_.context());
  expect(to);
  floor_ = std::max(floor_, source.floor_of_rows(from));
  for (size_t i = 0; i < descriptor_.planes().size(); ++i) {
    const uint32_t needed = first_needed(descriptor_.planes()[i].window, source.floor_);
    for (const ByteRange& range : descriptor_.rows(i, std::max(from, needed), to)) {
      std::memcpy(arena_.data() + range.offset, source.arena_.data() + range.offset, range.bytes);
    }
  }
  return {};
}

}  // namespace etb::kv
