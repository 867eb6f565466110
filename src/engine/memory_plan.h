// What a model will cost on this machine, whether it fits, and with which context: decided before
// anything is allocated. From the file's own figures and the system's, both given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "engine/model_bundle.h"
#include "memory/budget.h"
#include "memory/cost.h"

namespace etb {

struct MemoryOptions {
  // A model that does not fit is refused with the numbers. False: the system decides.
  bool enforce = true;
  // The most dirty bytes that the system grants this process, if the host knows (memory/budget.h).
  std::optional<uint64_t> host_limit_bytes = {};
  std::string root = {};  // put before /proc and /sys: tests bring recorded trees
};

struct MemoryPlan {
  uint32_t context = 0;
  memory::ModelCost cost = {};
  memory::Estimate estimate = {};  // of one conversation that fills the context
  memory::Budget budget = {};
  std::string reasoning = {};  // why this context, in a sentence with the numbers
};

// Of the layers that have one; 0: none has.
uint32_t widest_window(const model::ModelShape& shape);

// `file_bytes`: of all the files of a model, there or not yet there. A manifest without tensors: a
// stock file's.
memory::ModelCost cost_of(const model::PteSummary& program, uint64_t file_bytes,
                          const model::Manifest& manifest);

// `context` 0: chosen by the device's memory. OutOfMemory, with the numbers and the remedy, if the
// model does not fit and options.enforce is set.
Result<MemoryPlan> plan_memory(const ModelBundle& bundle, uint32_t context,
                               const MemoryOptions& options);

}  // namespace etb
