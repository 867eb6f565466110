// What the processor can do, found out once. A feature is true only if the operating system saves
// its registers too (XGETBV on x86, HWCAP on ARM), so a path chosen by it may simply run.
#pragma once

#include <string>

#include "base/status.h"

namespace etb {

struct CpuFeatures {
  // x86-64
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool avx512f = false;
  bool avx512bw = false;
  bool avx512vl = false;
  bool avx512dq = false;
  bool avx512vnni = false;
  bool avxvnni = false;
  // 64-bit ARM
  bool neon = false;
  bool dotprod = false;
  bool i8mm = false;
  bool fp16 = false;
  bool bf16 = false;
  bool sve = false;
  bool sme = false;
};

// Of this machine; asked once, then the same object.
const CpuFeatures& cpu_features();
// "x86-64: avx2 fma f16c"; the names are the members' names.
std::string describe(const CpuFeatures& features);

struct CpuTopology {
  std::string model;          // "AMD EPYC 7B13", or the ARM part number, or "unknown"
  int logical_cores = 1;      // that this process may run on (affinity, cgroup quota rounded up)
  int performance_cores = 1;  // the fast ones among them: the default number of threads
};

// `root` is put before /proc and /sys, and with it the affinity mask is not looked at: tests read
// recorded trees. Cores count as fast from 3/4 of the fastest one's capacity (or clock) on.
CpuTopology cpu_topology(const std::string& root = "");

}  // namespace etb
