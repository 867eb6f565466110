// errno into a Status that names the file and what the user can do about it. Only for *_posix.cpp
// and *_linux.cpp.
#pragma once

#include <string_view>

#include "base/status.h"

namespace etb {

// "cannot <doing> '<path>': <reason>; <remedy>". Codes: ENOENT NotFound; EACCES, EISDIR and other
// faults of the path InvalidArgument; ENOMEM OutOfMemory; the rest (full disk included) Internal.
Status os_error(std::string_view doing, std::string_view path, int error);

}  // namespace etb
