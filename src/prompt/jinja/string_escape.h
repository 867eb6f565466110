// Python's escapes in string literals: \n, \x41, \u00e9, ...
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace etb::prompt::jinja {

// `body`: what stands between the quotes. Unknown escapes stay as they are; Corrupt on broken ones.
Result<std::string> unescape_string(std::string_view body);

}  // namespace etb::prompt::jinja
