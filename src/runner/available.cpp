#include "runner/available.h"

#include <executorch/runtime/backend/interface.h>
#include <executorch/runtime/kernel/operator_registry.h>

#include <algorithm>

#include "kernels/execution.h"
#include "kernels/kernels.h"
#include "runner/runtime.h"
#include "runner/stock_libraries.h"

namespace etb::runner {

namespace et = executorch::runtime;

bool has_operator(std::string_view name) {
  ensure_runtime();
  const auto named = [name](const et::Kernel& kernel) {
    return kernel.name_ && name == kernel.name_;
  };
  const auto own = kernels::operators();
  if (std::any_of(own.begin(), own.end(), named)) return true;
  load_stock_libraries();
  const auto global = registered_kernels();
  return std::any_of(global.begin(), global.end(), named);
}

bool has_backend(std::string_view name) {
  const auto names = linked_backends();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> linked_backends() {
  load_stock_libraries();
  std::vector<std::string> names;
  for (size_t i = 0; i < et::get_num_registered_backends(); ++i) {
    const auto name = et::get_backend_name(i);
    if (!name.ok()) continue;
    const et::BackendInterface* backend = et::get_backend_class(*name);
    if (backend && backend->is_available()) names.emplace_back(*name);
  }
  return names;
}

std::vector<std::string> kernel_paths() {
  std::vector<std::string> names;
  for (const kernels::Path path : kernels::available_paths())
    names.emplace_back(kernels::path_name(path));
  return names;
}

}  // namespace etb::runner
