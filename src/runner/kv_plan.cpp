#include "runner/kv_plan.h"

#include <optional>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "kv/model_tag.h"
#include "model/manifest.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

// None if the file has no manifest.
Result<std::optional<model::Manifest>> read_manifest(const MethodContext& context) {
  LogCapture capture;
  auto map = context.program->get_named_data_map();
  if (!map.ok()) return std::optional<model::Manifest>();
  auto bytes = map.get()->get_data(model::kManifestKey);
  if (!bytes.ok()) return std::optional<model::Manifest>();
  const std::string_view text(static_cast<const char*>(bytes->data()), bytes->size());
  auto manifest = model::parse_manifest(text);
  if (!manifest.ok()) return manifest.status().with_context(context.file);
  return std::optional<model::Manifest>(std::move(manifest).value());
}

Result<std::span<const uint8_t>> layer_bytes(LoadedMethod& forward, uint32_t layer,
                                             std::span<const uint8_t> kv_arena) {
  const std::string name = concat("kv.", layer);
  LogCapture capture;
  auto tensor = forward.method().get_attribute(name);
  if (!tensor.ok()) {
    return runtime_status(RuntimeStep::LoadMethod, tensor.error(),
                          concat(forward.doing(), ": KV tensor '", name, "'"), capture);
  }
  const auto* start = static_cast<const uint8_t*>(tensor->const_data_ptr());
  const size_t bytes = tensor->nbytes();
  const bool inside = start != nullptr && start >= kv_arena.data() && bytes <= kv_arena.size() &&
                      start <= kv_arena.data() + (kv_arena.size() - bytes);
  if (inside) return std::span<const uint8_t>(start, bytes);
  return Status(StatusCode::Corrupt,
                concat(forward.doing(), ": KV tensor '", name, "' is not planned in memory id 2"));
}

}  // namespace

Result<KvPlan> plan_kv(const MethodContext& context, LoadedMethod& forward,
                       std::span<const uint8_t> kv_arena) {
  ETB_ASSIGN_OR_RETURN(const std::optional<model::Manifest> manifest, read_manifest(context));
  if (!manifest) return KvPlan();
  const model::ModelShape& shape = manifest->shape;
  const size_t row_bytes = model::kv_bytes_per_token(shape, manifest->defaults.kv_type) /
                           std::max<uint32_t>(shape.layers, 1);
  std::vector<kv::LayerShape> layers;
  size_t positions = 0;
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    ETB_ASSIGN_OR_RETURN(const auto bytes, layer_bytes(forward, layer, kv_arena));
    if (layer == 0) positions = row_bytes == 0 ? 0 : bytes.size() / row_bytes;
    if (positions == 0 || positions > UINT32_MAX || bytes.size() != positions * row_bytes) {
      return Status(StatusCode::Corrupt,
                    concat(forward.doing(), ": KV tensor of layer ", layer, " has ", bytes.size(),
                           " bytes, no multiple of the ", row_bytes, " a position takes"));
    }
    layers.push_back({shape.kv_heads, shape.head_dim, shape.window(layer),
                      static_cast<size_t>(bytes.data() - kv_arena.data())});
  }
  KvPlan plan;
  ETB_ASSIGN_OR_RETURN(plan.descriptor, kv::Descriptor::create(manifest->defaults.kv_type,
                                                               static_cast<uint32_t>(positions),
                                                               std::move(layers), kv_arena.size()));
  plan.tag = kv::model_tag(*manifest, plan.descriptor);
  return plan;
}

}  // namespace etb::runner
