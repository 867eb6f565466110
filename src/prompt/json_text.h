// JSON texts of messages and tools: the same once more, with other strings.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "prompt/value.h"

namespace etb::prompt {

// As a template's tojson writes it, one line, nothing but JSON's own escapes: two texts with the
// same content become the same text. InvalidArgument if it is no JSON.
Result<std::string> plain_json(std::string_view json);
std::string json_text(const Value& value);

using ChangeText = std::function<std::string(std::string_view text)>;
// With every string in it, names included, put through `change`. Precondition: from JSON.
Value with_strings(const Value& value, const ChangeText& change);

}  // namespace etb::prompt
