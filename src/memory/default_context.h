// The context of a conversation when the app sets none: decided by the device's memory. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "memory/budget.h"
#include "memory/cost.h"

namespace etb::memory {

struct ContextInput {
  ModelCost cost;
  uint32_t trained = 0;       // positions the model was trained for; 0: unknown
  uint32_t file_default = 0;  // what its file asks for; 0: nothing
  MachineMemory machine;
  Budget budget;  // before the model is loaded
};

struct ContextChoice {
  uint32_t context = 0;   // never 0, never above `trained`
  std::string reasoning;  // one sentence with the numbers
};

// The file's default (else 4,096), never above what the model was trained for. Devices with 8 GiB
// and less take at most half of it, with 4 GiB and less a quarter; and the KV cache takes at most a
// share of what is left beside the model: 1/4 up to 8 GiB, else 1/2. A context that was made
// smaller is a power of two and never below 512: where even that does not fit, admit() says so.
// Never smaller on a device with more memory.
ContextChoice default_context(const ContextInput& input);

}  // namespace etb::memory
