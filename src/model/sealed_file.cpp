#include "model/sealed_file.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "model/cache_files.h"
#include "model/stream_hash.h"
#include "platform/atomic_file.h"
#include "platform/files.h"
#include "platform/paths.h"

namespace etb::model {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kNumber = sizeof(uint64_t);
constexpr size_t kSealBytes = 3 * kNumber;

std::array<uint8_t, kNumber> bytes_of(uint64_t number) {
  std::array<uint8_t, kNumber> bytes;
  std::memcpy(bytes.data(), &number, kNumber);
  return bytes;
}

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

Result<Bytes> open_sealed(Bytes file, const Seal& seal, size_t tail_bytes) {
  if (file.size() < tail_bytes || file.size() - tail_bytes < kSealBytes) {
    return Status(StatusCode::Corrupt, "it is cut short");
  }
  const Bytes sealed = file.first(file.size() - tail_bytes);
  const Bytes found = sealed.last(kSealBytes);
  if (!std::ranges::equal(found.first(kNumber), bytes_of(seal.magic))) {
    return Status(StatusCode::Corrupt, "it has no seal");
  }
  if (!std::ranges::equal(found.subspan(kNumber, kNumber), bytes_of(seal.key))) {
    return Status(StatusCode::Corrupt, "it was made of another file");
  }
  ETB_ASSIGN_OR_RETURN(StreamHash hash, StreamHash::create());
  hash.add(sealed.first(sealed.size() - kNumber));
  hash.add(file.last(tail_bytes));
  if (!std::ranges::equal(found.last(kNumber), bytes_of(hash.value()))) {
    return Status(StatusCode::Corrupt, "its checksum does not match");
  }
  return sealed.first(sealed.size() - kSealBytes);
}

Status keep_sealed(const std::string& folder, const std::string& name, const Seal& seal,
                   const SealedParts& parts) {
  ETB_ASSIGN_OR_RETURN(StreamHash hash, StreamHash::create());
  ETB_RETURN_IF_ERROR(make_folders(folder));
  ETB_ASSIGN_OR_RETURN(AtomicFile file,
                       AtomicFile::create(join_path(folder, name), {}, FileReaders::Owner));
  const auto put = [&](Bytes bytes) {
    hash.add(bytes);
    return file.write(bytes);
  };
  for (const Bytes bytes : parts.content) ETB_RETURN_IF_ERROR(put(bytes));
  ETB_RETURN_IF_ERROR(put(bytes_of(seal.magic)));
  ETB_RETURN_IF_ERROR(put(bytes_of(seal.key)));
  hash.add(parts.tail);
  ETB_RETURN_IF_ERROR(file.write(bytes_of(hash.value())));
  ETB_RETURN_IF_ERROR(file.write(parts.tail));
  ETB_RETURN_IF_ERROR(file.commit_unsynced());  // a power cut's damage is found by the checksum
  shrink_cache(folder, name, kCacheBytes);
  return {};
}

}  // namespace etb::model
