// Walks the kernel paths of this machine for a test, says which ran, and fails if one that the CPU
// has was left out.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/paths/table.h"
#include "platform/cpu_features.h"

namespace etb::kernels::testing {

// Bit patterns: NaNs and signed zeros count.
inline std::vector<uint32_t> bits(const float* values, size_t count) {
  std::vector<uint32_t> words(count);
  std::memcpy(words.data(), values, count * sizeof(float));
  return words;
}
inline std::vector<uint32_t> bits(const std::vector<float>& values) {
  return bits(values.data(), values.size());
}

// What the CPU promises, asked of the feature bits alone.
inline std::vector<Path> paths_of_this_cpu() {
  const CpuFeatures& cpu = cpu_features();
  std::vector<Path> paths{Path::Scalar};
  if (cpu.avx2 && cpu.fma && cpu.f16c) paths.push_back(Path::Avx2);
  if (cpu.avx512vnni && cpu.avx512bw && cpu.avx512vl && cpu.avx512dq) {
    paths.push_back(Path::Avx512Vnni);
  }
  if (cpu.dotprod) paths.push_back(Path::NeonDotprod);
  return paths;
}

// Calls `check(table)` for every path but the oracle.
template <class Check>
void for_each_vector_path(const Check& check) {
  std::string ran;
  for (const Path path : paths_of_this_cpu()) {
    if (path == Path::Scalar) continue;
    const KernelTable* const table = table_for(path);
    ASSERT_NE(table, nullptr) << path_name(path) << " was skipped although this CPU has it";
    ASSERT_EQ(table->path, path);
    ran += std::string(ran.empty() ? "" : " ") + std::string(path_name(path));
    check(*table);
  }
  ::testing::Test::RecordProperty("paths", ran);
  std::printf("  paths against scalar: %s\n", ran.empty() ? "none on this CPU" : ran.c_str());
}

}  // namespace etb::kernels::testing
