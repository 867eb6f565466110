#include "engine/tool_calls.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/text.h"
#include "prompt/json.h"
#include "prompt/json_text.h"

namespace etb {
namespace {

using prompt::Dict;
using prompt::Value;

constexpr std::string_view kOwnId = "call_";
constexpr size_t kMostDigits = 9;

std::string own_id(size_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "call_%04zu", number);
  return text;
}

// The N of "call_N"; 0: it is no such id.
size_t number_of(std::string_view id) {
  if (!id.starts_with(kOwnId) || id.size() > kOwnId.size() + kMostDigits) return 0;
  size_t number = 0;
  const char* const end = id.data() + id.size();
  const auto [rest, error] = std::from_chars(id.data() + kOwnId.size(), end, number);
  return error == std::errc() && rest == end ? number : 0;
}

std::string text_at(const Dict& dict, std::string_view key) {
  const Value* const value = dict.find(key);
  return value != nullptr && value->is_string() ? std::string(value->text()) : std::string();
}

// The object that a value is or, as a text, says; nullopt: neither.
std::optional<Value> as_object(const Value& value) {
  if (value.is_dict()) return value;
  if (!value.is_string()) return std::nullopt;
  auto parsed = prompt::parse_json(value.text());
  if (!parsed.ok() || !parsed->is_dict()) return std::nullopt;
  return std::move(parsed).value();
}

std::optional<ToolCall> read_call(const Value& value, bool needs_arguments) {
  if (!value.is_dict()) return std::nullopt;
  const Dict& dict = value.dict();
  ToolCall call{.id = text_at(dict, "id"), .name = text_at(dict, "name"), .arguments = "{}"};
  if (call.name.empty()) return std::nullopt;
  const Value* given = dict.find("arguments");
  if (given == nullptr) given = dict.find("parameters");
  if (given == nullptr) return needs_arguments ? std::nullopt : std::optional(std::move(call));
  const auto arguments = as_object(*given);
  if (!arguments) return std::nullopt;
  call.arguments = prompt::json_text(*arguments);
  return call;
}

// The items under "tool_calls"; empty: there are none.
std::vector<Value> calls_in(const Value& fields) {
  const Value* const calls = fields.is_dict() ? fields.dict().find("tool_calls") : nullptr;
  return calls != nullptr && calls->is_list() ? calls->items() : std::vector<Value>();
}

std::vector<Value> calls_of(const prompt::Message& message) {
  if (message.fields.find("tool_calls") == std::string::npos) return {};
  const auto fields = prompt::parse_json(message.fields);
  return fields.ok() ? calls_in(*fields) : std::vector<Value>();
}

// What a call says: itself, or what it holds under "function".
const Value& function_of(const Value& call) {
  const Value* const function = call.is_dict() ? call.dict().find("function") : nullptr;
  return function != nullptr && function->is_dict() ? *function : call;
}

// The dictionary with another value under a key that it has.
Value with(const Dict& dict, std::string_view key, const Value& value) {
  Dict changed;
  for (const auto& [name, old] : dict.entries()) {
    changed.set(name.text(), name.text() == key ? value : old);
  }
  return Value::dict(std::move(changed));
}

Value with_object(const Value& call) {
  const Value& function = function_of(call);
  const Value* const arguments = function.is_dict() ? function.dict().find("arguments") : nullptr;
  const auto object = arguments != nullptr ? as_object(*arguments) : std::nullopt;
  if (!object) return call;
  const Value changed = with(function.dict(), "arguments", *object);
  return &function == &call ? changed : with(call.dict(), "function", changed);
}

}  // namespace

CallReader::CallReader(const family::CallFormat& format,
                       const std::vector<prompt::Message>& messages)
    : format_(format) {
  for (const prompt::Message& message : messages) {
    for (const Value& call : calls_of(message)) {
      if (!call.is_dict()) continue;
      const std::string id = text_at(call.dict(), "id");
      last_ = std::max(last_, number_of(id));
      used_.insert(id);
    }
  }
}

stream::CallMarks CallReader::marks() const {
  return {.open = std::string(format_.open),
          .close = std::string(format_.close),
          .bare = format_.bare,
          .single = format_.single};
}

std::vector<ToolCall> CallReader::read(std::string_view json) const {
  const auto parsed = prompt::parse_json(json);
  if (!parsed.ok()) return {};
  const auto values = parsed->is_list() ? parsed->items() : std::vector<Value>{*parsed};
  if (format_.single && values.size() > 1) return {};
  std::vector<ToolCall> calls;
  for (const Value& value : values) {
    auto call = read_call(value, format_.bare);
    if (!call) return {};
    calls.push_back(std::move(*call));
  }
  return calls;
}

std::vector<ToolCall> CallReader::take(std::string_view json) {
  std::vector<ToolCall> calls = read(json);
  for (ToolCall& call : calls) {
    const bool taken = call.id.empty() || used_.contains(call.id);
    if (taken) call.id = own_id(++last_);
    last_ = std::max(last_, number_of(call.id));
    used_.insert(call.id);
  }
  return calls;
}

std::string fields_of_calls(const std::vector<ToolCall>& calls) {
  std::vector<Value> list;
  for (const ToolCall& call : calls) {
    Dict function;
    function.set("name", Value(call.name));
    auto arguments = prompt::parse_json(call.arguments);
    function.set("arguments", arguments.ok() ? std::move(arguments).value() : Value::dict({}));
    Dict item;
    item.set("id", Value(call.id));
    item.set("type", Value("function"));
    item.set("function", Value::dict(std::move(function)));
    list.push_back(Value::dict(std::move(item)));
  }
  Dict fields;
  fields.set("tool_calls", Value::list(std::move(list)));
  return prompt::json_text(Value::dict(std::move(fields)));
}

Status add_results(const std::vector<ToolResult>& results, std::vector<prompt::Message>& messages) {
  const auto wrong = [](std::string text) {
    return Status(StatusCode::InvalidArgument, std::move(text));
  };
  const auto calls = messages.empty() ? std::vector<Value>() : calls_of(messages.back());
  if (calls.empty()) return wrong("the last message calls no tool: there is nothing to answer");
  std::vector<prompt::Message> told;
  for (const Value& call : calls) {
    const std::string id = call.is_dict() ? text_at(call.dict(), "id") : std::string();
    const auto of_call = [&](const ToolResult& result) { return result.id == id; };
    if (std::ranges::count_if(results, of_call) != 1) {
      return wrong(concat("the call '", id, "' needs one result: give one for each call"));
    }
    const Value& function = function_of(call);
    Dict fields;
    fields.set("tool_call_id", Value(id));
    if (function.is_dict()) fields.set("name", Value(text_at(function.dict(), "name")));
    told.push_back({.role = "tool",
                    .content = std::ranges::find_if(results, of_call)->content,
                    .fields = prompt::json_text(Value::dict(std::move(fields)))});
  }
  if (told.size() != results.size()) {
    return wrong(concat("there are ", results.size(), " results, but ", told.size(),
                        " calls: a result is of no call of the last message"));
  }
  messages.insert(messages.end(), told.begin(), told.end());
  return {};
}

Value with_argument_objects(const Value& fields) {
  std::vector<Value> calls = calls_in(fields);
  if (calls.empty()) return fields;
  for (Value& call : calls) call = with_object(call);
  return with(fields.dict(), "tool_calls", Value::list(std::move(calls)));
}

std::string written_calls(const Value& fields, const family::CallFormat& format) {
  std::vector<Value> written;
  for (const Value& call : calls_in(fields)) {
    const Value& function = function_of(call);
    if (!function.is_dict()) continue;
    Dict one;
    one.set("name", Value(text_at(function.dict(), "name")));
    const Value* const arguments = function.dict().find("arguments");
    one.set(format.arguments, arguments != nullptr ? *arguments : Value::dict({}));
    written.push_back(Value::dict(std::move(one)));
  }
  if (written.empty()) return {};
  const auto marked = [&](const Value& json) {
    const std::string_view open = format.bare ? std::string_view() : format.open;
    return concat(open, format.between, prompt::json_text(json), format.between, format.close);
  };
  if (format.list) return marked(Value::list(std::move(written)));
  std::string text;
  for (const Value& call : written) {
    if (!text.empty()) text += '\n';
    text += marked(call);
  }
  return text;
}

}  // namespace etb
