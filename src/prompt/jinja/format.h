// Formatting: "%s" % x, "{}".format(x), and HTML escapes.
#pragma once

#include "prompt/jinja/arguments.h"
#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

Value percent_format(Runtime& runtime, const Value& format, const Value& values);
Value brace_format(Runtime& runtime, const Value& format, const Arguments& arguments);
std::string escape_html(std::string_view text);

// A number or text in the shape of a format spec:
// [[fill]align][sign][#][0][width][,][.precision][type].
struct FormatSpec {
  std::string fill = " ";
  char align = '\0';  // < > ^ =, or none given
  char sign = '-';
  bool alternate = false;
  char grouping = '\0';
  uint64_t width = 0;
  int precision = -1;
  char type = '\0';
};
std::string format_value(Runtime& runtime, const Value& value, const FormatSpec& spec);

}  // namespace etb::prompt::jinja
