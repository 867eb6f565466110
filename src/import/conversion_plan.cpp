// Matches a family's tensor rules with the tensors of a file, and lays the constants out.
#include "import/conversion_plan.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "import/tensor_sizes.h"

namespace etb::import {
namespace {

using family::FamilyRow;
using family::TensorKind;
using family::TensorRule;
using model::TensorEntry;

constexpr uint32_t kDefaultContext = 4096;
constexpr uint32_t kDefaultChunk = 128;

// Cut to what a manifest line may hold; control characters become spaces.
std::string one_line(std::string_view text) {
  std::string out(text.substr(0, 256));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

// "Q4_1 Q8_0 F32": the types in the file, most bytes first.
std::string source_types(const GgufModel& gguf) {
  std::map<std::string_view, uint64_t> bytes;
  for (const GgufPart& part : gguf.parts()) {
    for (const GgufTensor& tensor : part.gguf.tensors()) {
      bytes[layout::block_info(tensor.type).name] += tensor.bytes.size();
    }
  }
  std::vector<std::pair<std::string_view, uint64_t>> sorted(bytes.begin(), bytes.end());
  std::ranges::stable_sort(sorted, std::ranges::greater{}, [](const auto& p) { return p.second; });
  std::string out;
  for (const auto& [name, count] : sorted) out += concat(out.empty() ? "" : " ", name);
  return out;
}

class Planner {
 public:
  Planner(const GgufModel& gguf, const FamilyRow& row) : gguf_(gguf), row_(row) {
    for (size_t part = 0; part < gguf.parts().size(); ++part) {
      for (const GgufTensor& tensor : gguf.parts()[part].gguf.tensors()) {
        sources_.emplace(tensor.name, Source{&tensor, part, 0});
      }
    }
  }

  Result<ConversionPlan> plan(uint32_t context) {
    ETB_RETURN_IF_ERROR(check_keys(gguf_, row_));
    ETB_ASSIGN_OR_RETURN(manifest().shape, read_shape(gguf_, row_));
    ETB_RETURN_IF_ERROR(describe(context));
    ETB_RETURN_IF_ERROR(check_limits());
    ETB_ASSIGN_OR_RETURN(plan_.frequencies, read_frequencies(gguf_, row_, manifest().shape));
    ETB_RETURN_IF_ERROR(place_all());
    ETB_RETURN_IF_ERROR(check_all_used());
    std::ranges::sort(plan_.tensors, {}, [](const PlannedTensor& t) {
      return std::tuple(t.part, t.source.bytes.data());
    });
    return std::move(plan_);
  }

 private:
  struct Source {
    const GgufTensor* tensor;
    size_t part;
    uint64_t used_rows;
  };

  model::Manifest& manifest() { return plan_.manifest; }
  const std::string& file_name() const { return gguf_.metadata().name(); }

  Status bad(StatusCode code, std::string_view tensor, std::string_view what) const {
    return Status(code, concat(file_name(), ": tensor '", tensor, "' ", what));
  }

  Status describe(uint32_t context) {
    model::Manifest& m = manifest();
    ETB_ASSIGN_OR_RETURN(const auto name, gguf_.metadata().get_string("general.name"));
    m.family = row_.architecture;
    m.name = one_line(name.value_or(""));
    m.source_type = source_types(gguf_);
    m.source_bytes = gguf_.total_bytes();
    if (context > m.shape.context_train) {
      return Status(StatusCode::InvalidArgument,
                    concat(file_name(), ": a context of ", context, " is more than the ",
                           m.shape.context_train, " the model was trained for"));
    }
    m.defaults.context = context != 0 ? context : std::min(m.shape.context_train, kDefaultContext);
    m.defaults.chunk = kDefaultChunk;
    return {};
  }

  // The shape alone, before sizes are multiplied.
  Status check_limits() {
    const Status status = model::validate(manifest());
    if (status.ok()) return {};
    return Status(StatusCode::Unsupported, concat(file_name(), ": ", status.message()));
  }

  // In the order in which a forward reads them; a tied table stands where the head is read.
  Status place_all() {
    const bool own_head = sources_.contains("output.weight");
    if (own_head) ETB_RETURN_IF_ERROR(place_model_tensor("token_embd"));
    for (const Frequencies& set : plan_.frequencies) {
      add_entry(std::string(set.name), "vector", 1, set.values.size());
    }
    for (uint32_t layer = 0; layer < manifest().shape.layers; ++layer) {
      const std::string prefix = concat("blk.", layer, ".");
      for (const TensorRule& rule : row_.layer_tensors) {
        ETB_RETURN_IF_ERROR(place(rule, prefix));
      }
    }
    for (const TensorRule& rule : row_.model_tensors) {
      const bool placed = rule.name == "token_embd";
      if (!placed && (!rule.optional || own_head)) ETB_RETURN_IF_ERROR(place(rule, ""));
    }
    return own_head ? Status() : place_model_tensor("token_embd");
  }

  Status place_model_tensor(std::string_view name) {
    const auto rule = std::ranges::find(row_.model_tensors, name, &TensorRule::name);
    return rule == row_.model_tensors.end() ? Status() : place(*rule, "");
  }

  Status place(const TensorRule& rule, const std::string& prefix) {
    const model::ModelShape& shape = manifest().shape;
    const std::string source_name = concat(prefix, rule.source, rule.suffix);
    const auto found = sources_.find(source_name);
    if (found == sources_.end()) return bad(StatusCode::Corrupt, source_name, "is missing");
    Source& source = found->second;
    const GgufTensor& tensor = *source.tensor;
    uint64_t skip = 0;
    for (const family::Dim dim : rule.skip) skip += dim_size(dim, shape);
    const uint64_t rows = dim_size(rule.rows, shape);
    const uint64_t cols = dim_size(rule.cols, shape);
    if (tensor.cols != cols || tensor.rows < skip + rows) {
      return bad(StatusCode::Corrupt, source_name,
                 concat("has ", tensor.rows, " rows of ", tensor.cols, ", but the model needs ",
                        rows, " of ", cols));
    }
    source.used_rows += rows;
    const size_t row_bytes = layout::row_bytes(tensor.type, tensor.cols);
    PlannedTensor planned;
    planned.entry = manifest().tensors.size();
    planned.part = source.part;
    planned.source = {
        tensor.type, rows, cols, tensor.bytes.subspan(skip * row_bytes, rows * row_bytes), {}};
    if (rule.rotated && row_.rope == family::RopePairs::Interleaved) {
      planned.source.order = {shape.head_dim, shape.n_rot};
    }
    return add_planned(rule, concat(prefix, rule.name), planned);
  }

  Status add_planned(const TensorRule& rule, std::string name, const PlannedTensor& planned) {
    const layout::RowSource& source = planned.source;
    std::string_view format = "vector";
    if (rule.kind == TensorKind::Matrix) {
      if (const Status checked = layout::check_source(source); !checked.ok()) {
        return bad(StatusCode::Unsupported, name, checked.message());
      }
      format = layout::format_name(layout::packed_format(source.type));
    }
    add_entry(std::move(name), format, source.rows, source.cols);
    plan_.tensors.push_back(planned);
    return {};
  }

  void add_entry(std::string name, std::string_view format, uint64_t rows, uint64_t cols) {
    TensorEntry entry;
    entry.name = std::move(name);
    entry.format = format;
    entry.rows = rows;
    entry.cols = cols;
    entry.bytes = cols * 4;
    if (!entry.is_vector()) {
      const auto known = layout::format_from_name(format);
      entry.bytes = sizeof(layout::BlobHeader) + layout::data_bytes(*known, rows, cols);
    }
    entry.offset = (manifest().constant_bytes + layout::kBlobAlign - 1) / layout::kBlobAlign *
                   layout::kBlobAlign;
    manifest().constant_bytes = entry.offset + entry.bytes;
    manifest().tensors.push_back(std::move(entry));
  }

  Status check_all_used() const {
    const auto factors = rope_factor_tensors(row_);
    for (const auto& [name, source] : sources_) {
      if (source.used_rows == source.tensor->rows) continue;
      if (std::ranges::find(factors, name) != factors.end()) continue;
      return bad(StatusCode::Unsupported, name,
                 source.used_rows == 0 ? "is not one that this architecture's graph uses here"
                                       : "has more rows than the model needs");
    }
    return {};
  }

  const GgufModel& gguf_;
  const FamilyRow& row_;
  std::map<std::string_view, Source, std::less<>> sources_;
  ConversionPlan plan_;
};

}  // namespace

Result<ConversionPlan> plan_conversion(const GgufModel& gguf, const FamilyRow& row,
                                       uint32_t context) {
  return Planner(gguf, row).plan(context);
}

}  // namespace etb::import
