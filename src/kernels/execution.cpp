// The thread's current Execution, and which kernel paths this CPU runs.
#include "kernels/execution.h"

#include <array>

#include "kernels/paths/table.h"

namespace etb::kernels {
namespace {

thread_local Execution current;

struct PathList {
  std::array<Path, kAllPaths.size()> paths{};
  size_t count = 0;
};

PathList find_paths() {
  PathList list;
  for (const Path path : kAllPaths) {
    if (table_for(path) != nullptr) list.paths[list.count++] = path;
  }
  return list;
}

}  // namespace

std::string_view path_name(Path path) {
  switch (path) {
    case Path::Scalar:
      return "scalar";
    case Path::Avx2:
      return "avx2";
    case Path::Avx512Vnni:
      return "avx512-vnni";
    case Path::NeonDotprod:
      return "neon-dotprod";
  }
  return "unknown";
}

std::span<const Path> available_paths() {
  static const PathList list = find_paths();
  return {list.paths.data(), list.count};
}

Path best_path() {
  return available_paths().back();
}

const Execution& current_execution() {
  return current;
}

ExecutionScope::ExecutionScope(const Execution& execution) : before_(current) {
  current = execution;
}

ExecutionScope::~ExecutionScope() {
  current = before_;
}

}  // namespace etb::kernels
