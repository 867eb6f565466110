#include "engine/call_body.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "base/text.h"
#include "prompt/json.h"
#include "prompt/json_text.h"
#include "stream/tag_scanner.h"

namespace etb {
namespace {

using family::CallFormat;
using prompt::Dict;
using prompt::Value;
using Types = std::set<std::string, std::less<>>;

const Value* at(const Value* value, std::string_view key) {
  return value != nullptr && value->is_dict() ? value->dict().find(key) : nullptr;
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

std::vector<ToolCall> read_json(std::string_view body, const CallFormat& format) {
  const auto parsed = prompt::parse_json(body);
  if (!parsed.ok()) return {};
  const auto values = parsed->is_list() ? parsed->items() : std::vector<Value>{*parsed};
  if (format.single && values.size() > 1) return {};
  std::vector<ToolCall> calls;
  for (const Value& value : values) {
    auto call = read_call(value, format.bare);
    if (!call) return {};
    calls.push_back(std::move(*call));
  }
  return calls;
}

// NAME, perhaps `id` and an id, `json`, an object.
std::vector<ToolCall> read_named(std::string_view body, const CallFormat& format) {
  const size_t json = body.find(format.json);
  if (json == std::string_view::npos) return {};
  const std::string_view head = body.substr(0, json);
  const size_t id = format.id.empty() ? std::string_view::npos : head.find(format.id);
  ToolCall call{.id = {}, .name = std::string(head.substr(0, id)), .arguments = {}};
  if (id != std::string_view::npos) call.id = head.substr(id + format.id.size());
  const auto arguments = prompt::parse_json(body.substr(json + format.json.size()));
  if (call.name.empty() || !arguments.ok() || !arguments->is_dict()) return {};
  call.arguments = prompt::json_text(*arguments);
  return {std::move(call)};
}

// The JSON types that a schema lets a value have.
void add_types(const Value* schema, Types& types) {
  const auto add = [&](const Value& type) {
    if (type.is_string()) types.emplace(type.text());
  };
  if (const Value* const type = at(schema, "type")) {
    add(*type);
    if (type->is_list()) std::ranges::for_each(type->items(), add);
  }
  for (const char* const choice : {"anyOf", "oneOf"}) {
    const Value* const schemas = at(schema, choice);
    if (schemas == nullptr || !schemas->is_list()) continue;
    for (const Value& one : schemas->items()) add_types(&one, types);
  }
}

Types declared_types(const Value& tools, std::string_view function, std::string_view argument) {
  Types types;
  if (!tools.is_list()) return types;
  for (const Value& tool : tools.items()) {
    const Value& declared = function_of(tool);
    const Value* const name = at(&declared, "name");
    if (name == nullptr || !name->is_string() || name->text() != function) continue;
    add_types(at(at(at(&declared, "parameters"), "properties"), argument), types);
  }
  return types;
}

// A text as what its declaration says, if it is that.
Value typed(std::string_view text, const Types& types) {
  std::string word(text.substr(0, 5));  // templates write Python's True, False and None
  for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (word.size() != text.size()) word.clear();
  if (types.contains("null") && (word == "null" || word == "none")) return nullptr;
  if (types.contains("boolean") && (word == "true" || word == "false")) return word == "true";
  const bool numeric = types.contains("integer") || types.contains("number");
  if (!numeric && !types.contains("array") && !types.contains("object")) return text;
  const auto value = prompt::parse_json(text);
  if (!value.ok()) return text;
  const bool number =
      (value->is_number() && !value->is_bool()) || value->kind() == prompt::Kind::BigInt;
  const bool fits = (number && numeric) || (value->is_list() && types.contains("array")) ||
                    (value->is_dict() && types.contains("object"));
  return fits ? *value : Value(text);
}

// Takes `start` off, and the white space before it.
bool take_tag(std::string_view& text, std::string_view start) {
  std::string_view rest = text;
  while (!rest.empty() && stream::is_space(rest.front())) rest.remove_prefix(1);
  if (!rest.starts_with(start)) return false;
  text = rest.substr(start.size());
  return true;
}

// Takes what stands before `end` off, and that; nullopt: it does not come.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view end) {
  const size_t found = text.find(end);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, found);
  text.remove_prefix(found + end.size());
  return before;
}

std::vector<ToolCall> read_tagged(std::string_view body, const Value& tools) {
  if (!take_tag(body, stream::kFunctionTag)) return {};
  const auto name = take_until(body, ">");
  if (!name || name->empty()) return {};
  Dict arguments;
  while (take_tag(body, stream::kParameterTag)) {
    const auto key = take_until(body, ">");
    auto value = take_until(body, stream::kParameterEnd);
    if (!key || key->empty() || !value) return {};
    // The line ends are the form's.
    if (value->starts_with('\n')) value->remove_prefix(1);
    if (value->ends_with('\n')) value->remove_suffix(1);
    arguments.set(*key, typed(*value, declared_types(tools, *name, *key)));
  }
  if (!take_tag(body, stream::kFunctionEnd) || !body.empty()) return {};
  return {{.id = {},
           .name = std::string(*name),
           .arguments = prompt::json_text(Value::dict(std::move(arguments)))}};
}

std::string tagged(std::string_view name, const Value& arguments) {
  std::string text = concat(stream::kFunctionTag, name, ">\n");
  if (arguments.is_dict()) {
    for (const auto& [key, value] : arguments.dict().entries()) {
      text += concat(stream::kParameterTag, key.text(), ">\n",
                     value.is_string() ? std::string(value.text()) : prompt::json_text(value), "\n",
                     stream::kParameterEnd, "\n");
    }
  }
  return concat(text, stream::kFunctionEnd);
}

}  // namespace

std::string text_at(const Dict& dict, std::string_view key) {
  const Value* const value = dict.find(key);
  return value != nullptr && value->is_string() ? std::string(value->text()) : std::string();
}

std::optional<Value> as_object(const Value& value) {
  if (value.is_dict()) return value;
  if (!value.is_string()) return std::nullopt;
  auto parsed = prompt::parse_json(value.text());
  if (!parsed.ok() || !parsed->is_dict()) return std::nullopt;
  return std::move(parsed).value();
}

const Value& function_of(const Value& call) {
  const Value* const function = at(&call, "function");
  return function != nullptr && function->is_dict() ? *function : call;
}

std::vector<ToolCall> read_calls(std::string_view body, const CallFormat& format,
                                 const Value& tools) {
  if (format.tagged) return read_tagged(body, tools);
  return format.json.empty() ? read_json(body, format) : read_named(body, format);
}

std::string body_of(const Dict& function, const CallFormat& format) {
  const std::string name = text_at(function, "name");
  const Value* const found = function.find("arguments");
  const Value arguments = found != nullptr ? *found : Value::dict({});
  if (format.tagged) return tagged(name, arguments);
  if (!format.json.empty()) return concat(name, format.json, prompt::json_text(arguments));
  Dict call;
  call.set("name", Value(name));
  call.set(format.arguments, arguments);
  return prompt::json_text(Value::dict(std::move(call)));
}

}  // namespace etb
