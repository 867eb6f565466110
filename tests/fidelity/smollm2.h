// SmolLM2-135M-Instruct as the tests run it: imported from its GGUF once a program.
#pragma once

#include <memory>
#include <string>

#include "engine/loaded_model.h"
#include "runner/sequence.h"

namespace etb::fidelity {

inline std::string reference_folder() {
  return ETB_SOURCE_DIR "/tests/references/fidelity";
}

// Two threads, 2048 positions. The GGUF's import lands in the cache folder that the environment
// names.
inline Result<std::unique_ptr<LoadedModel>> load_smollm2() {
  return LoadedModel::load({.model = ETB_TEST_MODEL, .context = 2048, .threads = 2}, {}, nullptr);
}

}  // namespace etb::fidelity
