// The body of a tool call in each form that a family may write it in (family::CallFormat): from
// text to calls and back. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/answer.h"
#include "family/chat_format.h"
#include "prompt/value.h"

namespace etb {

// The calls that a body says; empty: it is none. A call has a name, and arguments that are an
// object or, where the whole call is JSON, such a text; no arguments are an empty object, but not
// where a call needs no mark. In tags all values are texts: one becomes a number, a list and so on
// where the tool's declaration among `tools` (a list; else nothing is declared) says so and it is
// one.
std::vector<ToolCall> read_calls(std::string_view body, const family::CallFormat& format,
                                 const prompt::Value& tools);
// `function`: "name" and "arguments", an object. Without an id.
std::string body_of(const prompt::Dict& function, const family::CallFormat& format);

// The text under a key; empty: there is none.
std::string text_at(const prompt::Dict& dict, std::string_view key);
// The object that a value is or, as a text, says; nullopt: neither.
std::optional<prompt::Value> as_object(const prompt::Value& value);
// What a call or a declaration says: itself, or what it holds under "function".
const prompt::Value& function_of(const prompt::Value& call);

}  // namespace etb
