// Verification: the manifest is sealed, and carries the checksum of everything else.
#include "import/verify.h"

#include <xxhash.h>

#include <cstring>

#include "base/text.h"
#include "layout/layout.h"
#include "model/manifest.h"
#include "model/pte_file.h"

namespace etb::import {
namespace {

using model::TensorEntry;

uint64_t hash_of(std::span<const uint8_t> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

// The blob header that the manifest implies, byte for byte.
bool header_matches(const TensorEntry& entry, std::span<const uint8_t> bytes) {
  const auto format = layout::format_from_name(entry.format);
  if (!format.ok() || bytes.size() < sizeof(layout::BlobHeader)) return false;
  layout::BlobHeader expected{};
  expected.magic = layout::kBlobMagic;
  expected.version = layout::kLayoutVersion;
  expected.format = static_cast<uint32_t>(*format);
  expected.rows = static_cast<uint32_t>(entry.rows);
  expected.cols = static_cast<uint32_t>(entry.cols);
  expected.data_bytes = bytes.size() - sizeof(expected);
  expected.checksum = entry.checksum;
  return std::memcmp(bytes.data(), &expected, sizeof(expected)) == 0;
}

class Verifier {
 public:
  Verifier(const model::PteFile& file, const model::Manifest& manifest,
           const VerifyOptions& options)
      : file_(file), manifest_(manifest), options_(options) {}

  Result<VerifyReport> run() {
    for (const TensorEntry& entry : manifest_.tensors) {
      check_tensor(entry);
      if (options_.cancel != nullptr && options_.cancel->cancelled()) {
        return Status(StatusCode::Cancelled, "the verification was cancelled");
      }
    }
    check_named(model::kTokenizerKey, manifest_.tokenizer_hash);
    check_named(model::kTemplateKey, manifest_.template_hash);
    return std::move(report_);
  }

 private:
  // PteFile::manifest() has seen to its lying inside the constants.
  void check_tensor(const TensorEntry& entry) {
    const auto constants = file_.constant_segment();
    const auto bytes = constants.subspan(entry.offset, entry.bytes);
    bool good = true;
    auto data = bytes;
    if (!entry.is_vector()) {
      good = header_matches(entry, bytes);
      data = bytes.subspan(std::min(bytes.size(), sizeof(layout::BlobHeader)));
    }
    if (!good || hash_of(data) != entry.checksum) {
      report_.damaged.push_back(concat("tensor ", entry.name));
    }
    ++report_.tensors_checked;
    report_.bytes_checked += bytes.size();
    if (options_.progress) options_.progress(report_.bytes_checked, constants.size());
  }

  void check_named(std::string_view key, uint64_t expected) {
    const auto data = file_.named_data(key);
    const auto bytes = data.ok() ? *data : std::span<const uint8_t>();
    if (hash_of(bytes) != expected) report_.damaged.push_back(concat("segment ", key));
    report_.bytes_checked += bytes.size();
  }

  const model::PteFile& file_;
  const model::Manifest& manifest_;
  const VerifyOptions& options_;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> verify_model(std::span<const uint8_t> file, const VerifyOptions& options) {
  ETB_ASSIGN_OR_RETURN(const auto pte, model::PteFile::parse(file, "the model"));
  ETB_ASSIGN_OR_RETURN(const model::Manifest manifest, pte.manifest());
  return Verifier(pte, manifest, options).run();
}

}  // namespace etb::import
