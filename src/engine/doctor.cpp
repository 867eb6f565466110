#include "engine/doctor.h"

#include "base/text.h"
#include "platform/cpu_features.h"
#include "platform/memory_info.h"
#include "platform/paths.h"
#include "runner/available.h"

namespace etb {

std::string_view version_line() {
  return "etbridge " ETB_VERSION " (ExecuTorch " ETB_EXECUTORCH_VERSION ")";
}

DoctorReport doctor() {
  DoctorReport report;
  report.version = ETB_VERSION;
  report.runtime = "ExecuTorch " ETB_EXECUTORCH_VERSION;
  const CpuTopology topology = cpu_topology();
  report.cpu = topology.model;
  report.cpu_features = describe(cpu_features());
  report.logical_cores = topology.logical_cores;
  report.default_threads = topology.performance_cores;
  report.kernel_paths = runner::kernel_paths();
  report.kernel_path = report.kernel_paths.back();
  report.backends = runner::linked_backends();
  if (report.kernel_path == "scalar") {
    report.problems.emplace_back(
        "only the scalar kernels run here, many times slower: this CPU lacks AVX2 with FMA and "
        "F16C "
        "(x86) or the dot-product instructions (ARMv8.2)");
  }
  if (const auto memory = machine_memory(); memory.ok()) {
    report.memory_total = memory->total_bytes;
    report.memory_available = memory->available_bytes;
    report.memory_limit = memory->limit_bytes;
  } else {
    report.problems.push_back(memory.status().to_string());
  }
  if (const auto folder = cache_folder(); folder.ok()) {
    report.cache_folder = *folder;
  } else {
    report.problems.push_back(folder.status().to_string());
  }
  return report;
}

}  // namespace etb
