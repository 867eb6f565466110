// The file is the backend's: packed weights, an index, a footer of 20 bytes that says where the
// index begins and how many entries it has. Between index and footer, where the backend does not
// look, stands our seal (model/sealed_file.h).
#include "runner/packed_weights.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "model/cache_files.h"
#include "model/sealed_file.h"
#include "model/stream_hash.h"
#include "platform/cpu_features.h"
#include "platform/paths.h"
#include "runner/source_hash.h"

namespace etb::runner {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr size_t kFooterBytes = 20;  // u64 begin of the index, u32 entries, magic, u32 version
constexpr size_t kMagicAt = 12;
constexpr std::string_view kFooterMagics[] = {"XPWC", "CWPX"};  // as a number of either byte order
constexpr std::string_view kSealMagic = "ETBPACK1";

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Result<uint64_t> key_of(const ModelSource& model, Bytes program) {
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, hash_of(model, program));
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

Status check_kept(Bytes file, uint64_t key) {
  ETB_RETURN_IF_ERROR(footer_of(file).status());
  return model::open_sealed(file, {kSealMagic, key}, kFooterBytes).status();
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
}

Status PackedWeights::write(Bytes packed) const {
  ETB_ASSIGN_OR_RETURN(const Bytes footer, footer_of(packed));
  const Bytes content[] = {packed.first(packed.size() - kFooterBytes)};
  return model::keep_sealed(folder_, name_, {kSealMagic, key_}, {content, footer});
}

}  // namespace etb::runner
