#include "engine/tool_calls.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/text.h"
#include "engine/call_body.h"
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
                       const std::vector<prompt::Message>& messages, std::string_view tools)
    : format_(format) {
  if (auto declared = prompt::parse_json(tools); declared.ok()) tools_ = *declared;
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
          .id = std::string(format_.id),
          .json = std::string(format_.json),
          .tagged = format_.tagged,
          .bare = format_.bare,
          .single = format_.single};
}

bool CallReader::accepts(std::string_view body) const {
  return !read_calls(body, format_, tools_).empty();
}

bool CallReader::may_keep(const std::string& id) const {
  const bool plain = std::ranges::all_of(id, [](char c) { return c > ' ' && c < '\x7F'; });
  const bool fits = format_.id_size == 0 || (plain && id.size() == format_.id_size);
  return !id.empty() && fits && !used_.contains(id);
}

std::vector<ToolCall> CallReader::take(std::string_view body) {
  std::vector<ToolCall> calls = read_calls(body, format_, tools_);
  for (ToolCall& call : calls) {
    if (!may_keep(call.id)) call.id = own_id(++last_);
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
  std::vector<std::string> bodies;
  for (const Value& call : calls_in(fields)) {
    const Value& function = function_of(call);
    if (function.is_dict()) bodies.push_back(body_of(function.dict(), format));
  }
  if (bodies.empty()) return {};
  const auto joined = [&bodies](std::string_view by) {
    std::string text;
    for (const std::string& body : bodies) text += concat(text.empty() ? "" : by, body);
    return text;
  };
  const auto marked = [&](std::string_view body) {
    const std::string_view open = format.bare ? std::string_view() : format.open;
    return concat(open, format.between, body, format.between, format.close);
  };
  if (format.list) return marked(concat("[", joined(", "), "]"));
  for (std::string& body : bodies) body = marked(body);
  return joined(format.between);
}

}  // namespace etb
