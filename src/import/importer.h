// GGUF to our own .pte: one streaming pass in constant memory, without PyTorch. The output appears
// whole or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/cancel.h"
#include "base/status.h"
#include "platform/atomic_file.h"

namespace etb::import {

// Source bytes done of all. Called on the importing thread.
using ImportProgress = std::function<void(uint64_t done, uint64_t total)>;

struct ImportOptions {
  uint32_t context = 0;  // the default baked in; 0: the model's own, at most 4096
  ImportProgress progress = {};
  const CancelToken* cancel = nullptr;
  DiskFaults faults = {};  // for tests
};

struct ImportReport {
  uint64_t source_bytes = 0;
  uint64_t source_hash = 0;  // XXH3-64 of all parts' bytes
  uint64_t output_bytes = 0;
  uint64_t tensors = 0;
  uint32_t context = 0;
};

// Unsupported names the architecture, key or tensor this version cannot import, and the remedy.
Result<ImportReport> import_gguf(const std::string& in_path, const std::string& out_path,
                                 const ImportOptions& options);

}  // namespace etb::import
