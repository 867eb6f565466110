// JSON text to values. The JSON library lives in json.cpp alone.
#pragma once

#include <string_view>

#include "base/status.h"
#include "prompt/value.h"

namespace etb::prompt {

// Objects keep the order of their keys; of equal keys the last value counts. Integers beyond 64
// bits keep their digits. Corrupt, with the place, on bad JSON (invalid UTF-8 too); Unsupported on
// values nested deeper than kMaxValueDepth.
Result<Value> parse_json(std::string_view text);

}  // namespace etb::prompt
