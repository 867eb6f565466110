// What this process may still take, and whether a model fits into it. Pure: samples in, numbers and
// their reasons out. Nothing is reserved: two loads that are both admitted may not fit together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "memory/cost.h"
#include "platform/memory_info.h"

namespace etb::memory {

// A tenth of every limit stays free, at least 8 MiB: what is loaded right up to the margin causes
// no pressure by itself (memory/pressure.h), and an estimate may be off by that much.
uint64_t margin_bytes(uint64_t limit_bytes);

enum class Limit { Machine, Group, Host };
std::string_view limit_name(Limit limit);  // "the machine", "the control group", "the app"

struct BudgetInput {
  MachineMemory machine;
  uint64_t footprint_bytes = 0;  // of this process now (ProcessMemory::footprint_bytes)
  // The most dirty bytes that the system grants this process, if the host knows: iOS footprint +
  // os_proc_available_memory(), Android what its memory class says. Clean bytes do not count in it.
  std::optional<uint64_t> host_limit_bytes;
};

struct Budget {
  uint64_t dirty_bytes = 0;  // that the process may still take
  // Dirty and clean together. A model whose mapped pages do not fit is read from the disk again for
  // each token. Pages of files that are in memory already count as room: they can be dropped.
  uint64_t total_bytes = 0;
  Limit dirty_limit = Limit::Machine;  // which limit makes dirty_bytes
  Limit total_limit = Limit::Machine;
  std::string dirty_reason;  // one sentence each, with the numbers
  std::string total_reason;
};

Budget make_budget(const BudgetInput& input);

// Whether loading the model and holding a conversation of `tokens` fits. OutOfMemory says what is
// needed, what there is, which limit that comes from, and the largest context that would fit.
Status admit(const ModelCost& cost, uint32_t tokens, const Budget& budget);
// The same for one more conversation on a loaded model.
Status admit_session(const ModelCost& cost, uint32_t tokens, const Budget& budget);

// Positions that admit() would let in; 0 if the model itself does not fit. At most `most`.
uint32_t largest_context(const ModelCost& cost, const Budget& budget, uint32_t most);

}  // namespace etb::memory
