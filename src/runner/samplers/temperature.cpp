// Temperature: the logits' distances from the best one, divided. Above 1 flattens, below sharpens;
// 0 never comes here, it is greedy (sampler.cpp).
#include "runner/samplers/option_range.h"
#include "runner/samplers/stages.h"

namespace etb::runner {
namespace {

Status check(const SamplerOptions& o) {
  if (o.temperature >= 0 && o.temperature <= 1000) return {};  // NaN fails
  return out_of_range("temperature", o.temperature, "from 0 (greedy) to 1000");
}

void run(Candidates& candidates, const SamplerOptions& o) {
  if (o.temperature != 1) temperature(candidates, o.temperature);
}

}  // namespace

const Stage kTemperatureStage{SamplerStage::Temperature, "temperature", check, run};

void temperature(Candidates& candidates, float temperature) {
  candidates.spread(temperature);
}

}  // namespace etb::runner
