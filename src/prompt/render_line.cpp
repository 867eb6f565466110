#include "prompt/render_line.h"

#include "base/text.h"
#include "prompt/jinja/to_json.h"
#include "prompt/json.h"

namespace etb::prompt {
namespace {

std::string answer(std::string_view key, std::string_view text) {
  std::string out = concat("{\"", key, "\": ");
  jinja::append_json_string(out, text, {});
  return out += '}';
}

Status wrong_type(std::string_view key, std::string_view wanted) {
  return Status(StatusCode::InvalidArgument, concat("\"", key, "\" must be ", wanted));
}

Status read_token(const Dict& line, std::string_view key, std::optional<std::string>& out) {
  const Value* value = line.find(key);
  if (!value || value->is_none()) return {};
  if (!value->is_string()) return wrong_type(key, "a string");
  out = value->text();
  return {};
}

Result<RenderInput> read_input(const Dict& line, const RenderDefaults& defaults) {
  RenderInput input;
  input.now_seconds = defaults.now_seconds;
  input.bos_token = defaults.bos_token;
  input.eos_token = defaults.eos_token;
  const Value* messages = line.find("messages");
  if (!messages || !messages->is_list()) return wrong_type("messages", "a list");
  input.message_values = *messages;
  if (const Value* tools = line.find("tools")) input.tools = *tools;
  if (const Value* add = line.find("add_generation_prompt")) {
    if (!add->is_bool()) return wrong_type("add_generation_prompt", "true or false");
    input.add_generation_prompt = add->truthy();
  }
  ETB_RETURN_IF_ERROR(read_token(line, "bos_token", input.bos_token));
  ETB_RETURN_IF_ERROR(read_token(line, "eos_token", input.eos_token));
  if (const Value* vars = line.find("vars"); vars && !vars->is_none()) {
    if (!vars->is_dict()) return wrong_type("vars", "an object");
    input.vars = *vars;
  }
  return input;
}

Result<std::string> render(const ChatTemplate& chat_template, std::string_view line,
                           const RenderDefaults& defaults) {
  ETB_ASSIGN_OR_RETURN(const Value parsed, parse_json(line));
  if (!parsed.is_dict()) {
    return Status(StatusCode::InvalidArgument, "a line must hold one JSON object");
  }
  ETB_ASSIGN_OR_RETURN(const RenderInput input, read_input(parsed.dict(), defaults));
  return chat_template.render(input);
}

}  // namespace

std::string render_json_line(const ChatTemplate& chat_template, std::string_view line,
                             const RenderDefaults& defaults) {
  const Result<std::string> prompt = render(chat_template, line, defaults);
  return prompt.ok() ? answer("prompt", *prompt) : answer("error", prompt.status().message());
}

}  // namespace etb::prompt
