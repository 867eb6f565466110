// Sizes by the family's row; importer and program writer both ask here.
#include "import/tensor_sizes.h"

#include "base/text.h"
#include "layout/layout.h"

namespace etb::import {
namespace {

using family::Dim;
using family::TensorKind;
using family::TensorRule;
using model::Manifest;
using model::TensorEntry;

Status bad_tensor(std::string_view name, std::string_view what) {
  return Status(StatusCode::InvalidArgument, concat("manifest: tensor '", name, "' ", what));
}

Status check_bytes(const TensorEntry& entry) {
  if (entry.is_vector()) return {};  // validate() has compared them
  ETB_ASSIGN_OR_RETURN(const auto format, layout::format_from_name(entry.format));
  const size_t data = layout::data_bytes(format, entry.rows, entry.cols);
  if (data != 0 && entry.bytes == data + sizeof(layout::BlobHeader)) return {};
  return bad_tensor(entry.name, "has not as many bytes as its size and format say");
}

struct Checked {
  const model::ModelShape& shape;
  const TensorIndex& index;
};

Status check_rule(const Checked& m, const TensorRule& rule, const std::string& name) {
  const TensorEntry* entry = m.index.find(name);
  if (entry == nullptr) {
    return rule.optional ? Status() : bad_tensor(name, "is missing");
  }
  const bool vector = rule.kind == TensorKind::Vector;
  if (vector != entry->is_vector() || entry->rows != dim_size(rule.rows, m.shape) ||
      entry->cols != dim_size(rule.cols, m.shape)) {
    return bad_tensor(name, concat("is ", entry->format, " ", entry->rows, " x ", entry->cols,
                                   ", which is not the size its model needs"));
  }
  return check_bytes(*entry);
}

// The window's own are there or not: without them its layers rotate as the others do.
Status check_frequencies(const Checked& m) {
  for (const std::string_view name : {"inv_freq", "inv_freq_long", "inv_freq_window"}) {
    const TensorEntry* entry = m.index.find(name);
    const bool needed =
        name == "inv_freq" || (name == "inv_freq_long" && m.shape.rope_original_context != 0);
    if (entry == nullptr && !needed) continue;
    if (entry == nullptr || !entry->is_vector() || entry->cols != m.shape.n_rot / 2) {
      return bad_tensor(name, "is missing or has the wrong size");
    }
  }
  return {};
}

}  // namespace

TensorIndex::TensorIndex(const Manifest& manifest) {
  for (const TensorEntry& entry : manifest.tensors) entries_.emplace(entry.name, &entry);
}

const TensorEntry* TensorIndex::find(std::string_view name) const {
  const auto at = entries_.find(name);
  return at == entries_.end() ? nullptr : at->second;
}

uint64_t dim_size(Dim dim, const model::ModelShape& s) {
  switch (dim) {
    case Dim::One:
      return 1;
    case Dim::Width:
      return s.width;
    case Dim::Ffn:
      return s.ffn;
    case Dim::QWidth:
      return uint64_t{s.heads} * s.head_dim;
    case Dim::KvWidth:
      return uint64_t{s.kv_heads} * s.head_dim;
    case Dim::HeadDim:
      return s.head_dim;
    case Dim::Vocab:
      return s.vocab;
  }
  return 0;
}

Status check_tensor_sizes(const Manifest& m, const TensorIndex& index) {
  const family::FamilyRow* row = family::find_family(m.family);
  if (row == nullptr) {
    return Status(StatusCode::Unsupported,
                  concat("model family '", m.family,
                         "' is not known (known: ", family::known_architectures(), ")"));
  }
  const Checked checked{m.shape, index};
  ETB_RETURN_IF_ERROR(check_frequencies(checked));
  for (const TensorRule& rule : row->model_tensors) {
    ETB_RETURN_IF_ERROR(check_rule(checked, rule, std::string(rule.name)));
  }
  for (uint32_t layer = 0; layer < m.shape.layers; ++layer) {
    for (const TensorRule& rule : row->layer_tensors) {
      ETB_RETURN_IF_ERROR(check_rule(checked, rule, concat("blk.", layer, ".", rule.name)));
    }
  }
  return {};
}

}  // namespace etb::import
