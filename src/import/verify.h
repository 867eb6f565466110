// `inspect --verify`: every byte that carries meaning in our own .pte against its checksum, naming
// what is damaged. Reads the whole file; never needed to load it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "import/importer.h"

namespace etb::import {

struct VerifyReport {
  uint64_t bytes_checked = 0;
  uint64_t tensors_checked = 0;
  std::vector<std::string> damaged;  // "program", "tensor blk.3.ffn_up", "segment etb.tokenizer"
};

struct VerifyOptions {
  ImportProgress progress = {};
  const CancelToken* cancel = nullptr;
};

// An error where the file cannot even be taken apart (its manifest does not read, say).
Result<VerifyReport> verify_model(std::span<const uint8_t> file, const VerifyOptions& options);

}  // namespace etb::import
