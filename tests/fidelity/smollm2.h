// SmolLM2-135M-Instruct as the tests run it: imported from its GGUF through the engine, once a
// program.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "runner/sequence.h"

namespace etb::fidelity {

inline std::string reference_folder() {
  return ETB_SOURCE_DIR "/tests/references/fidelity";
}

// Two threads, 2048 positions. The GGUF's import lands in the cache folder that the environment
// names.
inline Result<std::shared_ptr<Engine>> load_smollm2() {
  EngineOptions options;
  options.model = ETB_TEST_MODEL;
  options.context = 2048;
  options.threads = 2;
  return Engine::load(options);
}

}  // namespace etb::fidelity
