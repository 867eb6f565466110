// What a model file is, in plain data: what `inspect` prints. Reads a .gguf or any .pte; never
// imports, never runs anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/model_bundle.h"
#include "model/manifest.h"
#include "model/pte_summary.h"

namespace etb {

struct BytesByKind {
  std::string kind;  // a weight format, "vector", "tokenizer", ...
  uint64_t count = 0;
  uint64_t bytes = 0;
};

struct TensorLine {
  std::string name;
  std::string format;
  uint64_t rows = 0;
  uint64_t cols = 0;
  uint64_t bytes = 0;
};

// Memory of one conversation at a context length.
struct MemoryAt {
  uint64_t context = 0;
  uint64_t kv_bytes = 0;
  uint64_t total_bytes = 0;  // mapped weights, activations and KV
};

// What a conversation on this model can do.
struct Ability {
  std::string name;  // "rewind", "reuse", "save", "images", "audio": always these, in this order
  bool there = false;
  std::string detail;  // how far, or what happens instead
};

struct InspectReport {
  std::string path;
  std::string kind;         // "gguf", "etbridge pte", "stock pte, export_llm", ... (capabilities.h)
  uint64_t file_bytes = 0;  // of all parts
  std::string architecture;  // empty: the file does not say
  std::string name;
  std::string quantisation;    // as the source had it: "Q4_1 Q8_0 F32"
  uint64_t context_train = 0;  // of a stock file: what it was exported for
  uint64_t vocab = 0;
  std::optional<model::Manifest> manifest;   // our own .pte
  std::optional<model::PteSummary> program;  // any .pte
  std::vector<BytesByKind> bytes_by_kind;    // most bytes first
  std::vector<TensorLine> tensors;
  uint64_t kv_bytes_per_token = 0;      // 0: unknown
  uint64_t window_bytes_per_token = 0;  // of it, layers with a sliding window
  uint32_t window = 0;                  // the widest; 0: none
  // Of a .gguf: as its .pte would take. Of a stock file: at its one context.
  std::vector<MemoryAt> memory;
  std::vector<Ability> abilities;
  std::vector<std::string> missing;  // what running it would need, each with the remedy
};

Result<InspectReport> inspect_file(const std::string& path);

struct VerifyResult {
  uint64_t bytes_checked = 0;
  std::vector<std::string> damaged;  // "program", "tensor blk.3.ffn_up", ...; empty: all is well
};

// Checks every checksum of one of our own .pte files. Unsupported for others: they carry none.
Result<VerifyResult> verify_file(const std::string& path, const LoadProgress& progress,
                                 const CancelToken* cancel);

}  // namespace etb
