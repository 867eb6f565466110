// The import itself: plan, then one pass over the source in the order of its bytes, hashing and
// packing slab by slab, each blob written where the plan put it.
#include "import/importer.h"

#include <xxhash.h>

#include <algorithm>

#include "base/text.h"
#include "family/vocab.h"
#include "import/conversion_plan.h"
#include "import/model_config.h"
#include "import/program.h"
#include "import/vocab_import.h"
#include "model/pte_header.h"
#include "model/stream_hash.h"

namespace etb::import {
namespace {

using model::TensorEntry;

constexpr size_t kSlabBytes = 1 << 20;      // packed at a time
constexpr uint64_t kSyncStep = 8 << 20;     // as long as a cancel may have to wait for the disk
constexpr size_t kReleaseBytes = 16 << 20;  // source pages are given back in such steps

std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Follows the pass over the source: its hash, its progress, its pages.
class SourceReader {
 public:
  SourceReader(const GgufModel& gguf, const ImportOptions& options, model::StreamHash hash)
      : gguf_(gguf), options_(options), hash_(std::move(hash)), total_(gguf.total_bytes()) {}

  // Hashes everything up to `end` of a part; whole parts before it too. Ranges that were passed
  // already are left alone.
  Status advance(size_t part, uint64_t end) {
    while (part_ < part) ETB_RETURN_IF_ERROR(finish_part());
    if (end <= position_) return check_cancel();
    const auto bytes = gguf_.parts()[part_].gguf.bytes();
    while (position_ < end) {
      const uint64_t step = std::min<uint64_t>(end - position_, kReleaseBytes);
      hash_.add(bytes.subspan(position_, step));
      position_ += step;
      release();
      if (options_.progress) options_.progress(done_ + position_, total_);
      ETB_RETURN_IF_ERROR(check_cancel());
    }
    return {};
  }

  Status finish() {
    while (part_ < gguf_.parts().size()) ETB_RETURN_IF_ERROR(finish_part());
    return {};
  }
  uint64_t hash() const { return hash_.value(); }

 private:
  Status finish_part() {
    const uint64_t size = gguf_.parts()[part_].gguf.bytes().size();
    ETB_RETURN_IF_ERROR(advance(part_, size));
    done_ += size;
    position_ = released_ = 0;
    ++part_;
    return {};
  }

  // The pages behind are not needed again, but for the slab being packed: one step is kept.
  void release() {
    if (position_ < released_ + 2 * kReleaseBytes) return;
    const uint64_t until = position_ - kReleaseBytes;
    gguf_.parts()[part_].file->advise_dont_need(released_, until - released_);
    released_ = until;
  }

  Status check_cancel() const {
    if (options_.cancel == nullptr || !options_.cancel->cancelled()) return {};
    return Status(StatusCode::Cancelled, "the import was cancelled");
  }

  const GgufModel& gguf_;
  const ImportOptions& options_;
  model::StreamHash hash_;
  size_t part_ = 0;
  uint64_t position_ = 0;  // in the part
  uint64_t released_ = 0;
  uint64_t done_ = 0;  // whole parts
  uint64_t total_;
};

class Importer {
 public:
  Importer(const GgufModel& gguf, ConversionPlan plan, AtomicFile out)
      : gguf_(gguf), plan_(std::move(plan)), out_(std::move(out)) {}

  Status run(const family::FamilyRow& row, const ImportOptions& options) {
    ETB_RETURN_IF_ERROR(prepare_segments(row));
    ETB_RETURN_IF_ERROR(write_program());
    ETB_ASSIGN_OR_RETURN(model::StreamHash source_hash, model::StreamHash::create());
    SourceReader reader(gguf_, options, std::move(source_hash));
    ETB_RETURN_IF_ERROR(write_frequencies());
    for (const PlannedTensor& tensor : plan_.tensors) {
      ETB_RETURN_IF_ERROR(manifest().tensors[tensor.entry].is_vector()
                              ? write_vector(tensor, reader)
                              : write_blob(tensor, reader));
    }
    ETB_RETURN_IF_ERROR(reader.finish());
    manifest().source_hash = reader.hash();
    return write_segments();
  }

  Status commit() { return out_.commit(); }
  uint64_t size() const { return out_.size(); }
  model::Manifest& manifest() { return plan_.manifest; }

 private:
  Status prepare_segments(const family::FamilyRow& row) {
    const GgufFile& file = gguf_.metadata();
    ETB_ASSIGN_OR_RETURN(const auto vocab, read_vocab(file));
    if (vocab.tokens.size() != manifest().shape.vocab) {
      return Status(StatusCode::Corrupt,
                    concat(file.name(), ": the tokenizer has ", vocab.tokens.size(),
                           " tokens, the embedding table ", manifest().shape.vocab, " rows"));
    }
    ETB_ASSIGN_OR_RETURN(tokenizer_, family::serialize_vocab(vocab));
    ETB_ASSIGN_OR_RETURN(const auto chat_template, read_template(file));
    template_ = chat_template;
    manifest().tokens = special_tokens(vocab, row);
    manifest().tokenizer_hash = XXH3_64bits(tokenizer_.data(), tokenizer_.size());
    manifest().template_hash = XXH3_64bits(template_.data(), template_.size());
    return {};
  }

  // Before the hashes are known: they do not change the sizes.
  Status write_program() {
    ETB_RETURN_IF_ERROR(model::validate(manifest()));
    ProgramOptions options;
    options.named = {{std::string(model::kManifestKey), model::serialize(manifest()).size()},
                     {std::string(model::kTokenizerKey), tokenizer_.size()}};
    if (!template_.empty()) {
      options.named.push_back({std::string(model::kTemplateKey), template_.size()});
    }
    ETB_ASSIGN_OR_RETURN(const auto program, emit_program(manifest(), options));
    ETB_ASSIGN_OR_RETURN(const auto header, model::parse_header(program, UINT64_MAX / 2));
    base_ = header.segment_base;
    places_ = place_segments(manifest().constant_bytes, options.named);
    return out_.write_at(0, program);
  }

  Status write_constant(const TensorEntry& entry, uint64_t offset, std::span<const uint8_t> bytes) {
    return out_.write_at(base_ + entry.offset + offset, bytes);
  }

  Status write_frequencies() {
    for (const Frequencies& set : plan_.frequencies) {
      for (TensorEntry& entry : manifest().tensors) {
        if (entry.name == set.name) ETB_RETURN_IF_ERROR(write_floats(entry, set.values));
      }
    }
    return {};
  }

  Status write_floats(TensorEntry& entry, const std::vector<float>& values) {
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(values.data()),
                                         values.size() * sizeof(float));
    entry.checksum = XXH3_64bits(bytes.data(), bytes.size());
    return write_constant(entry, 0, bytes);
  }

  uint64_t end_in_part(const PlannedTensor& tensor, uint64_t rows) const {
    const layout::RowSource& s = tensor.source;
    const auto* start = gguf_.parts()[tensor.part].gguf.bytes().data();
    return static_cast<uint64_t>(s.bytes.data() - start) + rows * layout::row_bytes(s.type, s.cols);
  }

  // Where the source rows of the first `rows` packed ones end: rotated rows move inside their head.
  static size_t source_end(const layout::RowSource& s, size_t rows) {
    if (s.order.n_rot != 0) {
      rows = (rows + s.order.head_dim - 1) / s.order.head_dim * s.order.head_dim;
    }
    return std::min(s.rows, rows);
  }

  Status write_vector(const PlannedTensor& tensor, SourceReader& reader) {
    const layout::RowSource& s = tensor.source;
    ETB_RETURN_IF_ERROR(reader.advance(tensor.part, end_in_part(tensor, s.rows)));
    std::vector<float> values(s.cols);
    layout::dequantise_row(s.type, s.bytes.data(), s.cols, values.data());
    return write_floats(manifest().tensors[tensor.entry], values);
  }

  Status write_blob(const PlannedTensor& tensor, SourceReader& reader) {
    const layout::RowSource& s = tensor.source;
    TensorEntry& entry = manifest().tensors[tensor.entry];
    const size_t groups = (s.rows + layout::kRowGroup - 1) / layout::kRowGroup;
    const size_t group_bytes = (entry.bytes - sizeof(layout::BlobHeader)) / groups;
    const size_t step = std::max<size_t>(1, kSlabBytes / group_bytes);
    slab_.resize(std::max(slab_.size(), std::min(step, groups) * group_bytes));
    ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
    uint64_t offset = sizeof(layout::BlobHeader);
    for (size_t group = 0; group < groups; group += step) {
      const size_t count = std::min(step, groups - group);
      const size_t end_row = source_end(s, (group + count) * layout::kRowGroup);
      ETB_RETURN_IF_ERROR(reader.advance(tensor.part, end_in_part(tensor, end_row)));
      layout::pack_groups(s, group, count, slab_.data());
      const auto packed = std::span<const uint8_t>(slab_).first(count * group_bytes);
      hash.add(packed);
      ETB_RETURN_IF_ERROR(write_constant(entry, offset, packed));
      offset += packed.size();
    }
    entry.checksum = hash.value();
    const layout::BlobHeader header = layout::blob_header(s, entry.checksum);
    return write_constant(entry, 0, {reinterpret_cast<const uint8_t*>(&header), sizeof(header)});
  }

  Status write_segments() {
    const std::string text = model::serialize(manifest());
    if (text.size() != places_[1].size) {
      return Status(StatusCode::Internal, "the manifest changed its size while it was filled in");
    }
    ETB_RETURN_IF_ERROR(out_.write_at(base_ + places_[1].offset, as_bytes(text)));
    ETB_RETURN_IF_ERROR(out_.write_at(base_ + places_[2].offset, tokenizer_));
    if (template_.empty()) return {};
    return out_.write_at(base_ + places_[3].offset, as_bytes(template_));
  }

  const GgufModel& gguf_;
  ConversionPlan plan_;
  AtomicFile out_;
  std::vector<uint8_t> tokenizer_;
  std::string_view template_;
  std::vector<SegmentPlace> places_;
  uint64_t base_ = 0;
  std::vector<uint8_t> slab_;
};

// Writing over the mapped source would pull it from under the pass.
Status check_paths(const GgufModel& gguf, const std::string& out_path) {
  const auto out = file_identity(out_path);
  if (!out.ok()) return {};
  for (const GgufPart& part : gguf.parts()) {
    const FileIdentity& in = part.file->identity();
    if (in.device == out->device && in.inode == out->inode) {
      return Status(StatusCode::InvalidArgument,
                    concat(out_path, ": the output would replace the model it is made from"));
    }
  }
  return {};
}

}  // namespace

Result<ImportReport> import_gguf(const std::string& in_path, const std::string& out_path,
                                 const ImportOptions& options) {
  ETB_ASSIGN_OR_RETURN(const GgufModel gguf, GgufModel::open(in_path));
  ETB_RETURN_IF_ERROR(check_paths(gguf, out_path));
  ETB_ASSIGN_OR_RETURN(const family::FamilyRow* row, family_of(gguf));
  ETB_ASSIGN_OR_RETURN(ConversionPlan plan, plan_conversion(gguf, *row, options.context));
  ETB_ASSIGN_OR_RETURN(AtomicFile out, AtomicFile::create(out_path, options.faults));
  out.sync_every(kSyncStep);
  Importer importer(gguf, std::move(plan), std::move(out));
  ETB_RETURN_IF_ERROR(importer.run(*row, options));
  ETB_RETURN_IF_ERROR(importer.commit());
  const model::Manifest& m = importer.manifest();
  return ImportReport{m.source_bytes, m.source_hash, importer.size(), m.tensors.size(),
                      m.defaults.context};
}

}  // namespace etb::import
