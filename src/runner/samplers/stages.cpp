#include "runner/samplers/stages.h"

namespace etb::runner {

std::span<const Stage* const> all_stages() {
  static constexpr const Stage* kAll[] = {&kTopKStage, &kTypicalStage, &kTopPStage, &kMinPStage,
                                          &kTemperatureStage};
  return kAll;
}

const Stage* find_stage(SamplerStage id) {
  for (const Stage* stage : all_stages()) {
    if (stage->id == id) return stage;
  }
  return nullptr;
}

}  // namespace etb::runner
