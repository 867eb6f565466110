// Any .pte, read without the runtime: segments, named data, constants, and a summary of its
// methods. What this opens is whole and well-formed; whether the runtime may see it, precheck.h
// decides.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/flat_reader.h"
#include "model/manifest.h"
#include "model/pte_header.h"
#include "model/pte_summary.h"
#include "platform/mapped_file.h"

namespace etb::model {

struct SegmentRange {
  uint64_t offset = 0;  // in the file
  uint64_t size = 0;
};

class PteFile {
 public:
  // Errors name the path: NotFound, InvalidArgument, Corrupt (cut short, damaged), Unsupported.
  static Result<PteFile> open(const std::string& path);
  static Result<PteFile> from(std::shared_ptr<const MappedFile> file);
  // `bytes` must outlive the PteFile. `name` stands in messages.
  static Result<PteFile> parse(std::span<const uint8_t> bytes, std::string name);

  const std::string& name() const { return name_; }
  // Null after parse().
  const std::shared_ptr<const MappedFile>& mapping() const { return mapping_; }
  std::span<const uint8_t> bytes() const { return bytes_; }
  const PteHeader& header() const { return header_; }
  // The FlatBuffer, header included.
  std::span<const uint8_t> program() const {
    return bytes_.first(static_cast<size_t>(header_.program_size));
  }
  const std::vector<SegmentRange>& segments() const { return segments_; }
  // Precondition: index < segments().size().
  std::span<const uint8_t> segment(size_t index) const;

  // NotFound names the key.
  Result<std::span<const uint8_t>> named_data(std::string_view key) const;
  bool has_named_data(std::string_view key) const;

  // The one segment of constants; empty if the program has none.
  std::span<const uint8_t> constant_segment() const;
  // Where constant i begins in it; [0] is unused.
  const std::vector<uint64_t>& constant_offsets() const { return constant_offsets_; }

  // A file is ours if it has a manifest. Such a file has a checksum of its program part, which
  // open() has compared.
  bool is_own() const { return has_named_data(kManifestKey); }
  // The manifest of one of our own files; its constants lie inside the file's. NotFound if the file
  // is none of ours; Corrupt or Unsupported as parse_manifest() says.
  Result<Manifest> manifest() const;
  const PteSummary& summary() const { return summary_; }

 private:
  struct NamedSegment {
    std::string key;
    size_t segment;
  };
  PteFile(std::span<const uint8_t> bytes, std::string name)
      : name_(std::move(name)), bytes_(bytes) {}
  Status read();
  Status read_segments(const FlatTable& root);
  Status read_constants(const FlatTable& root);
  Status read_named_data(const FlatTable& root);
  Status check_checksum() const;
  void fill_summary();

  std::string name_;
  std::shared_ptr<const MappedFile> mapping_;
  std::span<const uint8_t> bytes_;
  PteHeader header_;
  std::vector<SegmentRange> segments_;
  std::vector<NamedSegment> named_data_;
  int64_t constant_segment_ = -1;  // index, or none
  std::vector<uint64_t> constant_offsets_;
  PteSummary summary_;
};

}  // namespace etb::model
