// What stock files need beside our operators: the runtime's own kernels and its XNNPACK backend, in
// libraries of their own. They are loaded when the first stock file comes, so that our files pay
// nothing for them. A build may leave them out: then what a file lacks is named at its load.
#pragma once

#include <string>
#include <vector>

#include <executorch/runtime/kernel/operator_registry.h>

namespace etb::runner {

// Once for the process; from any thread. A library that is not there is a line in the log.
void load_stock_libraries();

// Every kernel that is registered globally, as of now. From any thread.
std::vector<executorch::runtime::Kernel> registered_kernels();

}  // namespace etb::runner
