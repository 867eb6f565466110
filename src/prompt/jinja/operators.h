// Arithmetic, comparison, membership and slices on values, as Python defines them.
#pragma once

#include "prompt/jinja/ast.h"
#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

// Each fails the render where Python would raise.
Value arithmetic(Runtime& runtime, Op op, const Value& a, const Value& b);
Value negate(Runtime& runtime, const Value& value);
bool compare_values(Runtime& runtime, Op op, const Value& a, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);
// value[start:stop:step]; none or undefined bounds are left out.
Value slice(Runtime& runtime, const Value& value, const Value (&bounds)[3]);

// Three-way order; fails the render on values that cannot be ordered.
int order(Runtime& runtime, const Value& a, const Value& b);

// len(value).
size_t length_of(Runtime& runtime, const Value& value);

// What a for loop over `value` walks: items, keys or characters; uses iterators up.
Value::ListPtr walk(Runtime& runtime, const Value& value);

// True when `key` can be a key of a dictionary; fails the render otherwise.
bool check_key(Runtime& runtime, const Value& key);

// dict[key] = value, failing on keys that cannot be hashed.
void set_key(Runtime& runtime, Dict& dict, Value key, Value value);

}  // namespace etb::prompt::jinja
