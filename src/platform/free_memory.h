// Memory that the process has freed but its allocator still keeps.
#pragma once

namespace etb {

// Hands it back to the system, so that an unload shows in the footprint. True if some went back.
// Milliseconds; any thread.
bool give_back_free_memory();

}  // namespace etb
