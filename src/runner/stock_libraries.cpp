#include "runner/stock_libraries.h"

#include <mutex>

#include "base/log.h"
#include "base/text.h"
#include "platform/shared_library.h"
#include "runner/runtime.h"

namespace etb::runner {
namespace {

// Guards the runtime's registry, which knows no lock: libraries register as they are loaded.
std::mutex& registry() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

void load_stock_libraries() {
  ensure_runtime();
  const std::lock_guard lock(registry());
  static bool loaded = false;
  if (std::exchange(loaded, true)) return;
  const auto* const beside =
      reinterpret_cast<const void*>(&executorch::runtime::get_registered_kernels);
  for (const char* name :
       {"libexecutorch_kernels_optimized.so", "libexecutorch_kernels_quantized.so",
        "libexecutorch_backend_xnnpack.so"}) {
    if (const Status status = load_shared_library(name, beside); !status.ok()) {
      log(LogLevel::Warning, concat("stock model files may not run: ", status.message()));
    }
  }
}

std::vector<executorch::runtime::Kernel> registered_kernels() {
  const std::lock_guard lock(registry());
  const auto kernels = executorch::runtime::get_registered_kernels();
  return {kernels.begin(), kernels.end()};
}

}  // namespace etb::runner
