// One method of a program, loaded over given arenas with given kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/runtime/backend/backend_options_map.h>
#include <executorch/runtime/core/hierarchical_allocator.h>
#include <executorch/runtime/executor/memory_manager.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/kernel/operator_registry.h>

#include "base/status.h"
#include "platform/anonymous_memory.h"
#include "runner/external_data.h"

namespace etb::runner {

// What a method is loaded from; all of it outlives the method.
struct MethodContext {
  const executorch::runtime::Program* program = nullptr;
  std::span<const executorch::runtime::Kernel> kernels;
  std::string file;  // for messages
  const executorch::runtime::LoadBackendOptionsMap* backend_options = nullptr;
  const ExternalDataMap* external = nullptr;  // null: all weights are in the model's file
};

// Bytes a method plans for each memory id, id 1 first. Corrupt beyond any sensible size.
Result<std::vector<size_t>> planned_sizes(const MethodContext& context, const std::string& method);

// Memory of one's own for each memory id.
struct Arenas {
  // OutOfMemory.
  static Result<Arenas> reserve(std::span<const size_t> sizes);
  std::vector<AnonymousMemory> memories;
  std::vector<std::span<uint8_t>> spans;  // theirs
};

class LoadedMethod {
 public:
  // `arenas[i]` is memory id i + 1 and at least as large as planned. Unsupported names every
  // missing operator or backend.
  static Result<std::unique_ptr<LoadedMethod>> load(const MethodContext& context,
                                                    const std::string& method,
                                                    std::span<const std::span<uint8_t>> arenas);

  executorch::runtime::Method& method() { return *method_; }
  const std::string& doing() const { return doing_; }  // "model.pte: method 'forward'"

 private:
  LoadedMethod() = default;

  // Addresses of these are handed to the runtime: the object never moves.
  executorch::extension::MallocMemoryAllocator method_allocator_;
  executorch::extension::MallocMemoryAllocator temp_allocator_;
  std::vector<executorch::runtime::Span<uint8_t>> spans_;
  std::optional<executorch::runtime::HierarchicalAllocator> planned_;
  std::optional<executorch::runtime::MemoryManager> manager_;
  std::optional<executorch::runtime::Method> method_;
  std::string doing_;
};

}  // namespace etb::runner
