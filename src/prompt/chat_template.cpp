#include "prompt/chat_template.h"

#include "prompt/jinja/interpreter.h"
#include "prompt/jinja/parser.h"
#include "prompt/json.h"

namespace etb::prompt {
namespace {

Status add_fields(const std::string& json, Dict& dict) {
  if (json.empty()) return {};
  ETB_ASSIGN_OR_RETURN(const Value fields, parse_json(json));
  if (!fields.is_dict()) {
    return {StatusCode::InvalidArgument, "the further fields of a message must be a JSON object"};
  }
  for (const auto& [name, value] : fields.dict().entries()) dict.set(name.text(), value);
  return {};
}

Result<Value> message_list(const RenderInput& input) {
  if (!input.message_values.is_undefined()) return input.message_values;
  std::vector<Value> list;
  list.reserve(input.messages.size());
  for (const Message& message : input.messages) {
    Dict dict;
    dict.set("role", Value(message.role));
    dict.set("content", Value(message.content));
    if (!message.reasoning.empty()) dict.set("reasoning_content", Value(message.reasoning));
    ETB_RETURN_IF_ERROR(add_fields(message.fields, dict));
    list.push_back(Value::dict(std::move(dict)));
  }
  return Value::list(std::move(list));
}

}  // namespace

struct ChatTemplate::Parsed {
  std::string text;
  jinja::TemplateTree tree;
  jinja::Limits limits;
};

Result<ChatTemplate> ChatTemplate::parse(std::string_view text, const jinja::Limits& limits) {
  auto parsed = std::make_shared<Parsed>();
  parsed->limits = limits;
  parsed->text = text;
  ETB_ASSIGN_OR_RETURN(parsed->tree, jinja::parse_template(text, limits));
  return ChatTemplate(std::move(parsed));
}

std::string_view ChatTemplate::text() const {
  return parsed_->text;
}

Result<std::string> ChatTemplate::render(const RenderInput& input) const {
  ETB_ASSIGN_OR_RETURN(Value messages, message_list(input));
  jinja::Runtime runtime(parsed_->limits, input.now_seconds, input.marks);
  jinja::Interpreter interpreter(parsed_->tree, runtime);
  interpreter.set_variable("messages", std::move(messages));
  interpreter.set_variable("tools", input.tools);
  interpreter.set_variable("documents", nullptr);  // Hugging Face always passes it
  interpreter.set_variable("add_generation_prompt", input.add_generation_prompt);
  if (input.bos_token) interpreter.set_variable("bos_token", *input.bos_token);
  if (input.eos_token) interpreter.set_variable("eos_token", *input.eos_token);
  if (input.vars.is_dict()) {
    for (const auto& [name, value] : input.vars.dict().entries()) {
      if (name.is_string()) interpreter.set_variable(name.text(), value);
    }
  }
  return interpreter.run();
}

bool ChatTemplate::is_refusal(const Status& status, std::string* message) {
  if (!status.message().starts_with(jinja::kRefusedPrefix)) return false;
  if (message) *message = status.message().substr(jinja::kRefusedPrefix.size());
  return true;
}

}  // namespace etb::prompt
