// Any bytes as a .gguf: read, planned as an import, its tokenizer stored, its program written, and
// a row group of every tensor packed. All of an import but the disk.
// rooms: import layout family model platform base
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "family/vocab.h"
#include "import/conversion_plan.h"
#include "import/gguf_model.h"
#include "import/model_config.h"
#include "import/program.h"
#include "import/vocab_import.h"
#include "layout/pack.h"
#include "model/precheck.h"
#include "require.h"

namespace {

using namespace etb;

void read_every_key(const import::GgufFile& file) {
  for (const import::GgufValue& value : file.values()) {
    (void)file.get_uint(value.key).ok();
    (void)file.get_real(value.key).ok();
    (void)file.get_bool(value.key).ok();
    (void)file.get_string(value.key).ok();
    (void)file.get_strings(value.key).ok();
    (void)file.get_floats(value.key).ok();
    (void)file.get_ints(value.key).ok();
  }
  for (const import::GgufTensor& tensor : file.tensors()) {
    require(tensor.bytes.data() >= file.bytes().data());
    require(tensor.bytes.data() + tensor.bytes.size() <= file.bytes().data() + file.bytes().size());
  }
}

void pack_a_group(const import::PlannedTensor& tensor) {
  if (!layout::check_source(tensor.source).ok()) return;  // a vector
  const layout::BlobHeader header = layout::blob_header(tensor.source, 0);
  const size_t groups = (tensor.source.rows + layout::kRowGroup - 1) / layout::kRowGroup;
  std::vector<uint8_t> out(header.data_bytes / groups);
  layout::pack_groups(tensor.source, groups - 1, 1, out.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto model = import::GgufModel::from_bytes(std::span(data, size), "input");
  if (!model.ok()) {
    require(model.status().code() != StatusCode::Internal);
    return 0;
  }
  read_every_key(model->metadata());
  if (const auto vocab = import::read_vocab(model->metadata()); vocab.ok()) {
    const auto stored = family::serialize_vocab(*vocab);
    require(!stored.ok() || family::parse_vocab(*stored).ok());
  }
  (void)import::read_template(model->metadata()).ok();
  const auto family = import::family_of(*model);
  if (!family.ok()) return 0;
  const auto plan = import::plan_conversion(*model, **family, 0);
  if (!plan.ok()) {
    require(plan.status().code() != StatusCode::Internal);
    return 0;
  }
  for (const import::PlannedTensor& tensor : plan->tensors) pack_a_group(tensor);
  const auto program = import::emit_program(plan->manifest, {});
  if (!program.ok()) return 0;
  model::PrecheckLimits limits;
  limits.total_bytes = UINT64_MAX / 4;
  require(model::precheck_program(*program, limits).ok());
  return 0;
}
