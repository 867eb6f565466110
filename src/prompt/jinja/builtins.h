// The filters, tests and global functions a template can name.
#pragma once

#include <span>
#include <string_view>

#include "prompt/jinja/arguments.h"
#include "prompt/jinja/runtime.h"
#include "prompt/value.h"

namespace etb::prompt::jinja {

struct Filter {
  std::string_view name;
  Value (*apply)(Runtime& runtime, const Value& input, const Arguments& arguments);
};

struct Test {
  std::string_view name;
  bool (*apply)(Runtime& runtime, const Value& input, const Arguments& arguments);
};

// Null: there is no such filter or test.
const Filter* find_filter(std::string_view name);
const Test* find_test(std::string_view name);
// Undefined when there is no such global.
Value find_global(Runtime& runtime, std::string_view name);

// The tables, one a subject (filters_*.cpp, tests.cpp).
std::span<const Filter> text_filters();
std::span<const Filter> list_filters();
std::span<const Filter> pick_filters();
std::span<const Filter> number_filters();

}  // namespace etb::prompt::jinja
