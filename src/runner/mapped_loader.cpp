#include "runner/mapped_loader.h"

#include <cstring>
#include <span>

namespace etb::runner {

using executorch::runtime::Error;
using executorch::runtime::FreeableBuffer;
using executorch::runtime::Result;

Result<FreeableBuffer> MappedLoader::load(size_t offset, size_t size,
                                          const SegmentInfo& info) const {
  const bool from_memory =
      info.segment_type == SegmentInfo::Type::Program && !source_.program.empty();
  const std::span<const uint8_t> bytes =
      from_memory ? std::span<const uint8_t>(source_.program) : source_.file->bytes();
  ET_CHECK_OR_RETURN_ERROR(offset <= bytes.size() && size <= bytes.size() - offset, InvalidProgram,
                           "the file ends before byte %zu + %zu (it has %zu)", offset, size,
                           bytes.size());
  // No free function: the bytes belong to the mapping, which the runner keeps.
  return FreeableBuffer(bytes.data() + offset, size, nullptr);
}

Error MappedLoader::load_into(size_t offset, size_t size, const SegmentInfo& info,
                              void* buffer) const {
  ET_CHECK_OR_RETURN_ERROR(buffer != nullptr, InvalidArgument, "no buffer to load into");
  auto bytes = load(offset, size, info);
  if (!bytes.ok()) return bytes.error();
  if (size > 0) std::memcpy(buffer, bytes->data(), size);
  return Error::Ok;
}

Result<size_t> MappedLoader::size() const {
  return source_.file->bytes().size();
}

}  // namespace etb::runner
