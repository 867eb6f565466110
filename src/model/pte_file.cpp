// Opening: header, structure, checksum (ours only), segments, constants, named data, summary.
#include "model/pte_file.h"

#include <algorithm>

#include "base/text.h"

namespace etb::model {
namespace {

Status corrupt(std::string message) {
  return Status(StatusCode::Corrupt, std::move(message));
}

}  // namespace

Result<PteFile> PteFile::open(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  return from(std::move(file));
}

Result<PteFile> PteFile::from(std::shared_ptr<const MappedFile> file) {
  Result<PteFile> parsed = parse(file->bytes(), file->path());
  if (parsed.ok()) parsed->mapping_ = std::move(file);
  return parsed;
}

Result<PteFile> PteFile::parse(std::span<const uint8_t> bytes, std::string name) {
  PteFile file(bytes, std::move(name));
  Status status = file.read();
  if (!status.ok()) return status.with_context(concat("'", file.name_, "'"));
  return file;
}

Status PteFile::read() {
  ETB_ASSIGN_OR_RETURN(header_, parse_header(bytes_, bytes_.size()));
  ETB_RETURN_IF_ERROR(check_structure(program()));
  const FlatTable root = root_table(program());
  const uint32_t version = root.get<uint32_t>(slot::kVersion);
  if (version != 0) {
    return Status(StatusCode::Unsupported,
                  concat("schema version ", version,
                         " is newer than this build's 0; export it with ExecuTorch 1.5"));
  }
  ETB_RETURN_IF_ERROR(read_segments(root));
  ETB_RETURN_IF_ERROR(read_constants(root));
  ETB_RETURN_IF_ERROR(read_named_data(root));
  ETB_RETURN_IF_ERROR(check_checksum());
  fill_summary();
  return {};
}

Status PteFile::read_segments(const FlatTable& root) {
  const FlatVector segments = root.tables(slot::kSegments);
  const uint64_t room = header_.segment_base == 0 ? 0 : bytes_.size() - header_.segment_base;
  for (size_t i = 0; i < segments.size(); ++i) {
    const uint64_t offset = segments.table(i).get<uint64_t>(slot::kOffset);
    const uint64_t size = segments.table(i).get<uint64_t>(slot::kSize);
    // Exporters list an empty one for constants that are all in other files.
    if (size > 0 && header_.segment_base == 0) {
      return corrupt("the program has segments, but the header says there are none");
    }
    if (offset > room || size > room - offset) {
      return corrupt(concat("segment ", i, " (", size, " bytes from ", offset,
                            ") ends beyond the file: it is cut short or damaged; get it again"));
    }
    segments_.push_back({header_.segment_base + offset, size});
  }
  return {};
}

Status PteFile::read_constants(const FlatTable& root) {
  const FlatTable constants = root.table(slot::kConstants);
  const FlatVector offsets = constants.vector(slot::kOffsets, 8);
  if (offsets.size() == 0) return {};
  const uint32_t index = constants.get<uint32_t>(slot::kSegmentIndex);
  if (index >= segments_.size()) {
    // A program with only the unused first entry needs no segment.
    if (offsets.size() == 1) return {};
    return corrupt(concat("the constants are in segment ", index, " of ", segments_.size()));
  }
  constant_segment_ = index;
  for (size_t i = 0; i < offsets.size(); ++i) {
    constant_offsets_.push_back(offsets.get<uint64_t>(i));
    if (constant_offsets_.back() > segments_[index].size) {
      return corrupt(concat("constant ", i, " begins beyond the constant segment"));
    }
  }
  return {};
}

Status PteFile::read_named_data(const FlatTable& root) {
  const FlatVector named = root.tables(slot::kNamedData);
  for (size_t i = 0; i < named.size(); ++i) {
    const FlatTable entry = named.table(i);
    const uint32_t index = entry.get<uint32_t>(slot::kNamedSegment);
    const std::string_view key = entry.string(slot::kKey);
    if (index >= segments_.size()) {
      return corrupt(
          concat("named data '", key, "' is in segment ", index, " of ", segments_.size()));
    }
    named_data_.push_back({std::string(key), index});
  }
  return {};
}

// Of our own files only, which always carry one: another writer may use the place in the header for
// something else. Any of our keys makes the file ours here, so that damage to one is noticed too.
Status PteFile::check_checksum() const {
  const bool ours = is_own() || has_named_data(kTokenizerKey) || has_named_data(kTemplateKey);
  if (!ours) return {};
  ETB_ASSIGN_OR_RETURN(const uint64_t actual, program_checksum(program()));
  if (header_.checksum == actual) return {};
  return corrupt(
      "the program part does not match its checksum: the file is damaged; import it again");
}

void PteFile::fill_summary() {
  summary_ = summarize_program(program());
  summary_.file_bytes = bytes_.size();
  summary_.segments = segments_.size();
  summary_.constant_bytes = constant_segment().size();
  for (const SegmentRange& range : segments_) summary_.segment_bytes += range.size;
  for (const NamedSegment& named : named_data_) {
    summary_.named_data.push_back({named.key, segments_[named.segment].size});
    summary_.named_data_bytes += segments_[named.segment].size;
  }
}

std::span<const uint8_t> PteFile::segment(size_t index) const {
  const SegmentRange& range = segments_[index];
  return bytes_.subspan(static_cast<size_t>(range.offset), static_cast<size_t>(range.size));
}

Result<std::span<const uint8_t>> PteFile::named_data(std::string_view key) const {
  for (const NamedSegment& named : named_data_) {
    if (named.key == key) return segment(named.segment);
  }
  return Status(StatusCode::NotFound, concat("'", name_, "' has no data named '", key, "'"));
}

bool PteFile::has_named_data(std::string_view key) const {
  return std::any_of(named_data_.begin(), named_data_.end(),
                     [key](const NamedSegment& named) { return named.key == key; });
}

Result<Manifest> PteFile::manifest() const {
  ETB_ASSIGN_OR_RETURN(const std::span<const uint8_t> text, named_data(kManifestKey));
  auto manifest = parse_manifest({reinterpret_cast<const char*>(text.data()), text.size()});
  if (!manifest.ok()) return manifest.status().with_context(concat("'", name_, "'"));
  if (manifest->constant_bytes <= constant_segment().size()) return manifest;
  return corrupt(concat("'", name_, "': the manifest speaks of ", manifest->constant_bytes,
                        " bytes of weights, the file holds ", constant_segment().size(),
                        ": import the model again"));
}

std::span<const uint8_t> PteFile::constant_segment() const {
  if (constant_segment_ < 0) return {};
  return segment(static_cast<size_t>(constant_segment_));
}

}  // namespace etb::model
