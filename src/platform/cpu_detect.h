// One implementation an instruction set and system. Inside the platform room only.
#pragma once

#include "platform/cpu_features.h"

namespace etb {

CpuFeatures detect_cpu_features();

}  // namespace etb
