#include "prompt/json_text.h"

#include <optional>
#include <utility>
#include <vector>

#include "prompt/jinja/to_json.h"
#include "prompt/json.h"

namespace etb::prompt {

std::string json_text(const Value& value) {
  const jinja::Limits limits;
  jinja::Runtime runtime(limits, std::nullopt);
  return jinja::to_json(runtime, value, {});
}

Result<std::string> plain_json(std::string_view json) {
  const auto value = parse_json(json);
  if (!value.ok())
    return Status(StatusCode::InvalidArgument, std::string(value.status().message()));
  return json_text(*value);
}

Value with_strings(const Value& value, const ChangeText& change) {
  if (value.is_string()) return Value(change(value.text()));
  if (value.is_list()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(with_strings(item, change));
    return Value::list(std::move(items));
  }
  if (!value.is_dict()) return value;
  Dict dict;
  for (const auto& [name, entry] : value.dict().entries()) {
    dict.set(change(name.text()), with_strings(entry, change));
  }
  return Value::dict(std::move(dict));
}

}  // namespace etb::prompt
