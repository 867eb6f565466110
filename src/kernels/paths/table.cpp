// Which path a CPU may run. The ISA files are compiled for their own machine only.
#include "kernels/paths/table.h"

#include "platform/cpu_features.h"

namespace etb::kernels {

#if !defined(__x86_64__)
const KernelTable* avx2_table() {
  return nullptr;
}
const KernelTable* avx512_table() {
  return nullptr;
}
#endif
#if !defined(__aarch64__)
const KernelTable* neon_table() {
  return nullptr;
}
#endif

const KernelTable* table_for(Path path) {
  const CpuFeatures& cpu = cpu_features();
  switch (path) {
    case Path::Scalar:
      return scalar_table();
    case Path::Avx2:
      return cpu.avx2 && cpu.fma && cpu.f16c ? avx2_table() : nullptr;
    case Path::Avx512Vnni: {
      const bool vnni = cpu.avx512f && cpu.avx512bw && cpu.avx512vl && cpu.avx512dq &&
                        cpu.avx512vnni && cpu.avx2 && cpu.fma && cpu.f16c;
      return vnni ? avx512_table() : nullptr;
    }
    case Path::NeonDotprod:
      return cpu.neon && cpu.dotprod ? neon_table() : nullptr;
  }
  return nullptr;
}

}  // namespace etb::kernels
