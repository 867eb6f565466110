// The file is the backend's: packed weights, an index, a footer of 20 bytes that says where the
// index begins and how many entries it has. Between index and footer, where the backend does not
// look, stands our seal: magic, key, and XXH3 of all bytes but its own.
#include "runner/packed_weights.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "model/cache_files.h"
#include "model/stream_hash.h"
#include "platform/atomic_file.h"
#include "platform/cpu_features.h"
#include "platform/paths.h"

namespace etb::runner {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kFooterBytes = 20;  // u64 begin of the index, u32 entries, magic, u32 version
constexpr size_t kMagicAt = 12;
constexpr std::string_view kFooterMagics[] = {"XPWC", "CWPX"};  // as a number of either byte order
constexpr std::string_view kSealMagic = "ETBPACK1";
constexpr size_t kNumber = sizeof(uint64_t);
constexpr size_t kSealBytes = 3 * kNumber;

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::array<uint8_t, kNumber> bytes_of(uint64_t number) {
  std::array<uint8_t, kNumber> bytes;
  std::memcpy(bytes.data(), &number, kNumber);
  return bytes;
}

Result<uint64_t> key_of(const ModelSource& model, Bytes program) {
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
  model::add_identity(hash, *model.file);
  for (const auto& file : model.data) model::add_identity(hash, *file);
  hash.add(program);
  const std::string machine =
      concat(ETB_EXECUTORCH_VERSION, "\n", cpu_topology().model, "\n", describe(cpu_features()));
  hash.add(as_bytes(machine));
  return hash.value();
}

// The footer, if the backend has written a whole file.
Result<Bytes> footer_of(Bytes file) {
  if (file.size() > kFooterBytes) {
    const Bytes footer = file.last(kFooterBytes);
    const std::string_view magic = as_text(footer.subspan(kMagicAt, 4));
    if (std::ranges::find(kFooterMagics, magic) != std::end(kFooterMagics)) return footer;
  }
  return Status(StatusCode::Corrupt, "it has no footer");
}

Result<uint64_t> checksum(Bytes before, Bytes footer) {
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
  hash.add(before);
  hash.add(footer);
  return hash.value();
}

Status check_kept(Bytes file, uint64_t key) {
  ETB_ASSIGN_OR_RETURN(const Bytes footer, footer_of(file));
  const Bytes rest = file.first(file.size() - kFooterBytes);
  if (rest.size() < kSealBytes) return {StatusCode::Corrupt, "it is cut short"};
  const Bytes seal = rest.last(kSealBytes);
  if (as_text(seal.first(kNumber)) != kSealMagic) return {StatusCode::Corrupt, "it has no seal"};
  if (!std::ranges::equal(seal.subspan(kNumber, kNumber), bytes_of(key))) {
    return {StatusCode::Corrupt, "it is of another model"};
  }
  ETB_ASSIGN_OR_RETURN(const uint64_t actual, checksum(rest.first(rest.size() - kNumber), footer));
  if (std::ranges::equal(seal.last(kNumber), bytes_of(actual))) return {};
  return {StatusCode::Corrupt, "its checksum does not match"};
}

}  // namespace

Result<std::unique_ptr<PackedWeights>> PackedWeights::open(const ModelSource& model, Bytes program,
                                                           const std::string& folder) {
  ETB_ASSIGN_OR_RETURN(const uint64_t key, key_of(model, program));
  const std::string name = model::cache_file_name(model.file->path(), key, model::kPackedWeights);
  ETB_ASSIGN_OR_RETURN(HeldFile memory, HeldFile::in_memory(name));
  std::unique_ptr<PackedWeights> packed(new PackedWeights(folder, name, key, std::move(memory)));
  if (folder.empty()) return packed;
  const Status opened = packed->open_kept();
  if (opened.ok()) {
    log(LogLevel::Debug,
        concat(model.file->path(), ": packed weights from ", join_path(folder, name)));
  } else if (opened.code() != StatusCode::NotFound) {
    log(LogLevel::Warning, concat("weights are packed again: ", join_path(folder, name),
                                  " cannot be used: ", opened.message()));
  }
  return packed;
}

// The shared lock, because the backend tries to get an exclusive one for as long as it has the
// file, and then no other process could map it.
Status PackedWeights::open_kept() {
  ETB_ASSIGN_OR_RETURN(HeldFile file, HeldFile::open(join_path(folder_, name_)));
  ETB_RETURN_IF_ERROR(file.lock_shared());
  ETB_ASSIGN_OR_RETURN(const auto mapped, file.map());
  ETB_RETURN_IF_ERROR(check_kept(mapped->bytes(), key_));
  file_ = std::move(file);
  kept_ = true;
  return {};
}

void PackedWeights::keep() {
  if (kept_ || folder_.empty()) return;
  const auto packed = file_.map();
  if (!packed.ok()) return;  // the backend has packed nothing that has a name
  Status status = write((*packed)->bytes());
  if (status.ok()) status = open_kept();
  if (!status.ok()) {
    log(LogLevel::Warning,
        concat("packed weights are not kept, the next load packs them again: ", status.message()));
    return;
  }
  log(LogLevel::Debug, concat("packed weights kept in ", join_path(folder_, name_)));
  model::shrink_cache(folder_, name_, model::kCacheBytes);
}

Status PackedWeights::write(Bytes packed) const {
  ETB_ASSIGN_OR_RETURN(const Bytes footer, footer_of(packed));
  const Bytes rest = packed.first(packed.size() - kFooterBytes);
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
  ETB_RETURN_IF_ERROR(make_folders(folder_));
  ETB_ASSIGN_OR_RETURN(AtomicFile file,
                       AtomicFile::create(join_path(folder_, name_), {}, FileReaders::Owner));
  const auto key = bytes_of(key_);
  for (const Bytes part : {rest, as_bytes(kSealMagic), Bytes(key)}) {
    hash.add(part);
    ETB_RETURN_IF_ERROR(file.write(part));
  }
  hash.add(footer);
  ETB_RETURN_IF_ERROR(file.write(bytes_of(hash.value())));
  ETB_RETURN_IF_ERROR(file.write(footer));
  return file.commit_unsynced();  // a power cut's damage is found by the checksum
}

}  // namespace etb::runner
