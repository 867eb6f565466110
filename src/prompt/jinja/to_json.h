// Values as JSON text, letter for letter as Python's json.dumps writes it.
#pragma once

#include <optional>
#include <string>

#include "prompt/jinja/runtime.h"

namespace etb::prompt::jinja {

struct JsonStyle {
  std::optional<std::string> indent;  // nullopt: all on one line
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool ensure_ascii = false;
  bool sort_keys = false;
};

// Fails the render on values that JSON cannot hold.
std::string to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

struct JsonEscapes {
  bool ensure_ascii = false;
  Marks marks = {};
};
// A JSON string literal.
void append_json_string(std::string& out, std::string_view text, JsonEscapes escapes);

}  // namespace etb::prompt::jinja
