#include "runner/kv_plan.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "kv/model_tag.h"
#include "model/manifest.h"
#include "model/state_layout.h"
#include "platform/paths.h"
#include "runner/runtime.h"
#include "runner/source_hash.h"

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
  std::vector<kv::Plane> planes;
  size_t positions = 0;
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    ETB_ASSIGN_OR_RETURN(const auto bytes, layer_bytes(forward, layer, kv_arena));
    if (layer == 0) positions = row_bytes == 0 ? 0 : bytes.size() / row_bytes;
    if (positions == 0 || positions > UINT32_MAX || bytes.size() != positions * row_bytes) {
      return Status(StatusCode::Corrupt,
                    concat(forward.doing(), ": KV tensor of layer ", layer, " has ", bytes.size(),
                           " bytes, no multiple of the ", row_bytes, " a position takes"));
    }
    kv::add_layer({shape.kv_heads, shape.head_dim, shape.window(layer),
                   static_cast<size_t>(bytes.data() - kv_arena.data())},
                  static_cast<uint32_t>(positions), planes);
  }
  KvPlan plan{.arena = kKvArena};
  ETB_ASSIGN_OR_RETURN(plan.descriptor, kv::Descriptor::create(manifest->defaults.kv_type,
                                                               static_cast<uint32_t>(positions),
                                                               std::move(planes), kv_arena.size()));
  plan.tag = kv::model_tag(*manifest, plan.descriptor);
  return plan;
}

namespace {

// Empty if a number is beyond any model.
std::vector<kv::Plane> planes_of(const model::StateLayout& state) {
  std::vector<kv::Plane> planes;
  for (const model::StateBuffer& buffer : state.buffers) {
    if (std::max({buffer.groups, buffer.positions, buffer.row_bytes}) > UINT32_MAX) return {};
    planes.push_back({.offset = static_cast<size_t>(buffer.offset),
                      .groups = static_cast<uint32_t>(buffer.groups),
                      .positions = static_cast<uint32_t>(buffer.positions),
                      .row_bytes = static_cast<uint32_t>(buffer.row_bytes)});
  }
  return planes;
}

Result<uint64_t> exported_key(const ModelSource& source, const ExportedProgram& exported) {
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, hash_of(source, exported.program));
  const std::string form = concat("rows ", kv::kRowsVersion);
  hash.add({reinterpret_cast<const uint8_t*>(form.data()), form.size()});
  return std::max<uint64_t>(hash.value(), 1);
}

}  // namespace

Result<KvPlan> plan_exported_kv(const ModelSource& source, const ExportedProgram& exported) {
  const model::StateLayout state =
      model::state_layout(exported.program, exported.methods, exported.context);
  const std::string& path = source.file->path();
  if (!state.opaque.empty()) {
    log(LogLevel::Debug, concat(path, ": rows of its cache cannot be copied: ", state.opaque));
    return KvPlan();
  }
  KvPlan plan{.arena = size_t{state.buffers.front().memory_id} - 1};
  if (plan.arena >= exported.arena_sizes.size()) return KvPlan();
  auto descriptor = kv::Descriptor::create(kv::KvType::AsExported, exported.context,
                                           planes_of(state), exported.arena_sizes[plan.arena]);
  if (!descriptor.ok()) {
    log(LogLevel::Debug,
        concat(path, ": rows of its cache cannot be copied: ", descriptor.status().message()));
    return KvPlan();
  }
  plan.descriptor = std::move(descriptor).value();
  ETB_ASSIGN_OR_RETURN(plan.tag.key, exported_key(source, exported));
  plan.tag.name = file_name(path);
  plan.tag.type = kv::KvType::AsExported;
  plan.tag.layout = plan.descriptor.row_layout();
  return plan;
}

}  // namespace etb::runner
