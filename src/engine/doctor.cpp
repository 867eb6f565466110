#include "engine/doctor.h"

#include "base/clock.h"
#include "memory/budget.h"
#include "memory/pressure.h"
#include "platform/cpu_features.h"
#include "platform/memory_info.h"
#include "platform/memory_pressure.h"
#include "platform/paths.h"
#include "runner/available.h"

namespace etb {

std::string_view version_line() {
  return "etbridge " ETB_VERSION " (ExecuTorch " ETB_EXECUTORCH_VERSION ")";
}

namespace {

void add_memory(DoctorReport& report) {
  const auto machine = machine_memory();
  const auto process = process_memory();
  if (!machine.ok() || !process.ok()) {
    report.problems.push_back((machine.ok() ? process.status() : machine.status()).to_string());
    return;
  }
  report.memory_total = machine->total_bytes;
  report.memory_available = machine->available_bytes;
  report.memory_limit = machine->limit_bytes;
  const memory::Budget budget = memory::make_budget({.machine = *machine,
                                                     .footprint_bytes = process->footprint_bytes,
                                                     .host_limit_bytes = std::nullopt});
  report.memory_budget = budget.dirty_bytes;
  report.memory_reason = budget.dirty_reason;
  memory::PressureSample sample;
  sample.machine = *machine;
  sample.kernel = memory_pressure("", machine->total_bytes);
  sample.footprint_bytes = process->footprint_bytes;
  const auto reading = memory::PressureGauge().update(sample, Clock::system().now_ns());
  report.pressure = memory::pressure_level_name(reading.level);
  report.pressure_reason = reading.reason;
}

}  // namespace

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
  add_memory(report);
  report.hottest = ThermalZones::find().hottest();
  if (const auto folder = cache_folder(); folder.ok()) {
    report.cache_folder = *folder;
  } else {
    report.problems.push_back(folder.status().to_string());
  }
  return report;
}

}  // namespace etb
