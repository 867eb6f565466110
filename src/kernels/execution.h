// What a forward runs under: threads, kernel path, cancel flag. The runner sets one for the model
// thread around Method::execute; without it (a stock runner that loaded our operators) the defaults
// hold. Operators read the current one when they start.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/cancel.h"

namespace etb::kernels {

// One row a kernel path; all give the same bits. Ordered from the plainest to the fastest.
enum class Path { Scalar, Avx2, Avx512Vnni, NeonDotprod };

std::string_view path_name(Path path);  // "scalar", "avx2", "avx512-vnni", "neon-dotprod"
// The paths this build has and this CPU can run, plainest first; never empty.
std::span<const Path> available_paths();
Path best_path();

struct Execution {
  unsigned threads = 0;      // 0: as many as the runtime's pool has; 1: no pool at all
  std::optional<Path> path;  // none: best_path(); one the CPU lacks fails the forward
  // Looked at by every operator before it starts and between pieces of its work (parallel.h). Once
  // it is set the forward is void, whether or not an operator is left to say so.
  const CancelToken* cancel = nullptr;
};

// The calling thread's current one.
const Execution& current_execution();

// Makes `execution` the calling thread's current one for its own lifetime. Nests.
class ExecutionScope {
 public:
  explicit ExecutionScope(const Execution& execution);
  ~ExecutionScope();
  ExecutionScope(const ExecutionScope&) = delete;
  ExecutionScope& operator=(const ExecutionScope&) = delete;

 private:
  Execution before_;
};

}  // namespace etb::kernels
