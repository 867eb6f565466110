// The names of the features, the same on every machine.
#include "platform/cpu_features.h"

#include "platform/cpu_detect.h"

namespace etb {
namespace {

struct Named {
  const char* name;
  bool CpuFeatures::*member;
};

constexpr Named kNames[] = {
    {"avx2", &CpuFeatures::avx2},         {"fma", &CpuFeatures::fma},
    {"f16c", &CpuFeatures::f16c},         {"avx512f", &CpuFeatures::avx512f},
    {"avx512bw", &CpuFeatures::avx512bw}, {"avx512vl", &CpuFeatures::avx512vl},
    {"avx512dq", &CpuFeatures::avx512dq}, {"avx512vnni", &CpuFeatures::avx512vnni},
    {"avxvnni", &CpuFeatures::avxvnni},   {"neon", &CpuFeatures::neon},
    {"dotprod", &CpuFeatures::dotprod},   {"i8mm", &CpuFeatures::i8mm},
    {"fp16", &CpuFeatures::fp16},         {"bf16", &CpuFeatures::bf16},
    {"sve", &CpuFeatures::sve},           {"sme", &CpuFeatures::sme},
};

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect_cpu_features();
  return features;
}

std::string describe(const CpuFeatures& features) {
#if defined(__x86_64__) || defined(_M_X64)
  std::string text = "x86-64:";
#elif defined(__aarch64__) || defined(_M_ARM64)
  std::string text = "aarch64:";
#else
  std::string text = "other:";
#endif
  bool any = false;
  for (const Named& feature : kNames) {
    if (!(features.*feature.member)) continue;
    text += ' ';
    text += feature.name;
    any = true;
  }
  return any ? text : text + " none";
}

}  // namespace etb
