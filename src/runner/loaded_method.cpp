#include "runner/loaded_method.h"

#include <executorch/runtime/backend/interface.h>

#include "base/text.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

using executorch::runtime::Error;
using executorch::runtime::MethodMeta;

constexpr int64_t kMaxArenaBytes = int64_t{1} << 40;
constexpr size_t kMaxArenas = 64;

Result<MethodMeta> meta_of(const MethodContext& context, const std::string& method) {
  LogCapture capture;
  auto meta = context.program->method_meta(method.c_str());
  if (meta.ok()) return meta.get();
  return runtime_status(RuntimeStep::LoadMethod, meta.error(),
                        concat(context.file, ": method '", method, "'"), capture);
}

// The runtime itself names only the first one, in its log.
Status check_backends(const MethodMeta& meta, std::string_view doing) {
  std::vector<std::string> missing;
  for (size_t i = 0; i < meta.num_backends(); ++i) {
    auto name = meta.get_backend_name(i);
    if (!name.ok() || name.get() == nullptr) {
      return {StatusCode::Corrupt, concat(doing, ": backend ", i, " has no name")};
    }
    const auto* backend = executorch::runtime::get_backend_class(name.get());
    if (backend == nullptr || !backend->is_available()) missing.emplace_back(name.get());
  }
  if (missing.empty()) return {};
  return {StatusCode::Unsupported,
          concat(doing, " is delegated to ", missing.size() == 1 ? "a backend" : "backends",
                 " that this build or machine does not have: ", name_list(missing),
                 "; use a build that links it, or a file exported for the CPU")};
}

// Those of delegates, whose names only they know: the runtime's words name the weight.
Status missing_of_delegate(const Status& status) {
  return {StatusCode::NotFound, concat(status.message(), "; ", kWhereWeightsAre)};
}

}  // namespace

Result<std::vector<size_t>> planned_sizes(const MethodContext& context, const std::string& method) {
  ETB_ASSIGN_OR_RETURN(const MethodMeta meta, meta_of(context, method));
  const size_t count = meta.num_memory_planned_buffers();
  std::vector<size_t> sizes;
  for (size_t i = 0; i < count; ++i) {
    auto size = meta.memory_planned_buffer_size(i);
    if (count > kMaxArenas || !size.ok() || size.get() < 0 || size.get() > kMaxArenaBytes) {
      return Status(StatusCode::Corrupt,
                    concat(context.file, ": method '", method, "' plans ", count,
                           " memories, number ", i + 1, " of impossible size"));
    }
    sizes.push_back(static_cast<size_t>(size.get()));
  }
  return sizes;
}

Result<Arenas> Arenas::reserve(std::span<const size_t> sizes) {
  Arenas arenas;
  for (const size_t bytes : sizes) {
    ETB_ASSIGN_OR_RETURN(AnonymousMemory memory, AnonymousMemory::reserve(bytes));
    arenas.memories.push_back(std::move(memory));
    arenas.spans.push_back(arenas.memories.back().span());
  }
  return arenas;
}

Result<std::unique_ptr<LoadedMethod>> LoadedMethod::load(
    const MethodContext& context, const std::string& method,
    std::span<const std::span<uint8_t>> arenas) {
  std::unique_ptr<LoadedMethod> loaded(new LoadedMethod);
  loaded->doing_ = concat(context.file, ": method '", method, "'");
  ETB_ASSIGN_OR_RETURN(const MethodMeta meta, meta_of(context, method));
  ETB_RETURN_IF_ERROR(check_backends(meta, loaded->doing_));
  if (context.external != nullptr) {
    ETB_RETURN_IF_ERROR(context.external->check(method).with_context(loaded->doing_));
  }
  for (const std::span<uint8_t> arena : arenas) {
    loaded->spans_.emplace_back(arena.data(), arena.size());
  }
  loaded->planned_.emplace(executorch::runtime::Span<executorch::runtime::Span<uint8_t>>(
      loaded->spans_.data(), loaded->spans_.size()));
  loaded->manager_.emplace(&loaded->method_allocator_, &*loaded->planned_,
                           &loaded->temp_allocator_);
  LogCapture capture;
  auto result = context.program->load_method(method.c_str(), &*loaded->manager_, nullptr,
                                             context.external, context.backend_options,
                                             {context.kernels.data(), context.kernels.size()});
  // A later instruction that resolves may hide an earlier one that did not: the log does not lie.
  if (!result.ok() || !capture.missing_operators().empty()) {
    const Status status =
        runtime_status(RuntimeStep::LoadMethod, result.error(), loaded->doing_, capture);
    const bool lacks =
        result.error() == Error::InvalidExternalData || result.error() == Error::NotFound;
    return lacks ? missing_of_delegate(status) : status;
  }
  loaded->method_.emplace(std::move(result.get()));
  return loaded;
}

}  // namespace etb::runner
