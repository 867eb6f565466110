// Stable sorting by a key, as the sort, dictsort and groupby filters do it.
#pragma once

#include <vector>

#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

struct Keyed {
  Value key;
  Value item;
};

// Lower case for strings, everything else as it is.
Value fold_case(Runtime& runtime, const Value& value);

// Fails the render when two keys have no order. The items in their new order.
std::vector<Value> sort_keyed(Runtime& runtime, std::vector<Keyed> keyed, bool reverse);

}  // namespace etb::prompt::jinja
