// Shared libraries that only some models need, loaded when one comes.
#pragma once

#include <string>

#include "base/status.h"

namespace etb {

// Loads it for as long as the process lives; its initialisers have run. Looked for where the
// system looks for a program's own libraries, then beside the library that holds `neighbour`, the
// address of any function (a sanitizer's dlopen does not know the program's own places). NotFound
// with the system's reason.
Status load_shared_library(const std::string& file_name, const void* neighbour);

}  // namespace etb
