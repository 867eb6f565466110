#include "engine/prompt_encoder.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engine/literal_marks.h"
#include "engine/tool_calls.h"
#include "prompt/json.h"
#include "prompt/json_text.h"
#include "token/utf8.h"

namespace etb {
namespace {

// The template may or may not have written the BOS: one is right, two are not.
void ensure_bos(const token::Tokenizer& tokenizer, std::vector<TokenId>& ids) {
  const auto bos = tokenizer.ids().bos;
  if (!tokenizer.wants_bos() || !bos) return;
  if (ids.empty() || ids.front() != *bos) ids.insert(ids.begin(), *bos);
}

// The last answer up to which `text` says what the transcript says; null: not even the first.
const Transcript::Mark* last_mark_within(const Transcript& transcript, std::string_view text) {
  const std::string_view known = transcript.text;
  const size_t same = static_cast<size_t>(
      std::mismatch(known.begin(), known.end(), text.begin(), text.end()).first - known.begin());
  const Transcript::Mark* last = nullptr;
  for (const Transcript::Mark& mark : transcript.marks) {
    if (mark.text <= same && mark.ids <= transcript.ids.size()) last = &mark;
  }
  return last;
}

// The system text before the first user message, a blank line in between, as Gemma wants it; false
// if there are no such two.
bool fold_system(std::vector<prompt::Message>& messages) {
  if (messages.size() < 2 || messages[0].role != "system" || messages[1].role != "user") {
    return false;
  }
  messages[1].content = concat(messages[0].content, "\n\n", messages[1].content);
  messages.erase(messages.begin());
  return true;
}

// A template that refuses a conversation which begins with a system text (Gemma 2's does: "System
// role not supported") is given it with the first user message.
Result<std::string> render(const ModelBundle& bundle, prompt::RenderInput input) {
  const token::Tokenizer& tokenizer = *bundle.tokenizer;
  input.add_generation_prompt = true;
  input.bos_token = token_text(tokenizer, tokenizer.ids().bos);
  input.eos_token = token_text(tokenizer, tokenizer.ids().eos);
  auto text = bundle.chat_template->render(input);
  if (text.ok() || !prompt::ChatTemplate::is_refusal(text.status())) return text;
  if (!fold_system(input.messages)) return text;
  auto folded = bundle.chat_template->render(input);
  return folded.ok() ? folded : text;  // what it said of what was asked
}

// Before the template moves things about: the offset is one in the message.
Status check_utf8(const prompt::Message& message) {
  for (const std::string* text : {&message.content, &message.reasoning}) {
    const size_t at = token::first_invalid_utf8(*text);
    if (at == text->size()) continue;
    return {StatusCode::InvalidArgument,
            concat("the ", message.role, " message is not valid UTF-8 at byte ", at)};
  }
  return {};
}

// JSON texts with nothing hidden in escapes: what they say is what is searched and marked.
Status make_plain(std::vector<prompt::Message>& messages, std::string& tools) {
  for (prompt::Message& message : messages) {
    if (message.fields.empty()) continue;
    const auto fields = prompt::parse_json(message.fields);
    if (!fields.ok()) {
      return Status(StatusCode::InvalidArgument, std::string(fields.status().message()))
          .with_context("the fields of a message");
    }
    message.fields = prompt::json_text(with_argument_objects(*fields));
  }
  if (tools.empty()) return {};
  auto plain = prompt::plain_json(tools);
  if (!plain.ok()) return plain.status().with_context("the tools");
  tools = std::move(plain).value();
  if (tools.starts_with("[")) return {};
  return {StatusCode::InvalidArgument, "the tools must be a JSON array of declarations"};
}

// Declarations without what wraps them: {"type": "function", "function": {...}}.
prompt::Value bare(const prompt::Value& tools) {
  std::vector<prompt::Value> functions;
  for (const prompt::Value& tool : tools.items()) {
    const prompt::Value* function = tool.is_dict() ? tool.dict().find("function") : nullptr;
    functions.push_back(function != nullptr ? *function : tool);
  }
  return prompt::Value::list(std::move(functions));
}

// To where the template looks for them. `tools`: a list.
Status add_tools(const ModelBundle& bundle, const prompt::Value& tools,
                 prompt::RenderInput& input) {
  if (!family::tools_in_system_message(bundle.chat_template->text())) {
    input.tools = tools;
    return {};
  }
  auto& messages = input.messages;
  if (messages.empty() || messages[0].role != "system") {
    messages.insert(messages.begin(), prompt::Message{.role = "system", .content = ""});
  }
  const std::string& old = messages[0].fields;
  ETB_ASSIGN_OR_RETURN(const prompt::Value fields, prompt::parse_json(old.empty() ? "{}" : old));
  prompt::Dict more;
  if (fields.is_dict()) {
    for (const auto& [name, value] : fields.dict().entries()) more.set(name.text(), value);
  }
  more.set("tools", prompt::json_text(bare(tools)));
  messages[0].fields = prompt::json_text(prompt::Value::dict(std::move(more)));
  return {};
}

// All that people and tools wrote, marked. Precondition: make_plain().
Result<prompt::RenderInput> marked_input(const ModelBundle& bundle, const LiteralMarks& marks,
                                         std::vector<prompt::Message> messages,
                                         const PromptSettings& settings) {
  const auto mark_json = [&](const std::string& json) -> Result<prompt::Value> {
    ETB_ASSIGN_OR_RETURN(const prompt::Value value, prompt::parse_json(json));
    return prompt::with_strings(value, [&](std::string_view text) { return marks.mark(text); });
  };
  for (prompt::Message& message : messages) {
    for (std::string* text : {&message.content, &message.role, &message.reasoning}) {
      *text = marks.mark(*text);
    }
    if (message.fields.empty()) continue;
    ETB_ASSIGN_OR_RETURN(const prompt::Value fields, mark_json(message.fields));
    message.fields = prompt::json_text(fields);
    if (bundle.calls == nullptr || family::shows_calls(bundle.chat_template->text())) continue;
    const std::string calls = written_calls(fields, *bundle.calls);
    if (!message.content.empty() && !calls.empty()) message.content += bundle.calls->between;
    message.content += calls;
  }
  prompt::RenderInput input{.messages = std::move(messages), .now_seconds = settings.now_seconds};
  if (settings.thinking) {
    prompt::Dict vars;
    vars.set("enable_thinking", *settings.thinking);
    input.vars = prompt::Value::dict(std::move(vars));
  }
  if (settings.tools.empty()) return input;
  ETB_ASSIGN_OR_RETURN(const prompt::Value tools, mark_json(settings.tools));
  if (!tools.items().empty()) ETB_RETURN_IF_ERROR(add_tools(bundle, tools, input));
  return input;
}

}  // namespace

std::string token_text(const token::Tokenizer& tokenizer, const std::optional<TokenId>& id) {
  if (!id) return {};
  const auto text = tokenizer.piece(*id, {.special = true});
  return text.ok() ? std::string(*text) : std::string();
}

Result<FormattedPrompt> encode_messages(const ModelBundle& bundle,
                                        const std::vector<prompt::Message>& messages,
                                        const Transcript& transcript,
                                        const PromptSettings& settings) {
  if (!bundle.chat_template) {
    return Status(StatusCode::Unsupported,
                  concat(bundle.path,
                         " has no chat template, and its vocabulary tells none of the built-in "
                         "ones (",
                         family::known_chat_formats(), "): use `run --raw` with the whole prompt"));
  }
  for (const prompt::Message& message : messages) ETB_RETURN_IF_ERROR(check_utf8(message));
  const token::Tokenizer& tokenizer = *bundle.tokenizer;
  std::vector<prompt::Message> plain = messages;
  PromptSettings with = settings;
  ETB_RETURN_IF_ERROR(make_plain(plain, with.tools));
  ETB_ASSIGN_OR_RETURN(const LiteralMarks marks,
                       LiteralMarks::create(tokenizer, plain, with.tools));
  ETB_ASSIGN_OR_RETURN(prompt::RenderInput input,
                       marked_input(bundle, marks, std::move(plain), with));
  FormattedPrompt prompt;
  ETB_ASSIGN_OR_RETURN(prompt.text, render(bundle, std::move(input)));
  std::string_view rest = prompt.text;
  if (const Transcript::Mark* const mark = last_mark_within(transcript, rest)) {
    prompt.ids.assign(transcript.ids.begin(),
                      transcript.ids.begin() + static_cast<ptrdiff_t>(mark->ids));
    rest.remove_prefix(mark->text);
  }
  ETB_ASSIGN_OR_RETURN(const std::vector<TokenId> fresh,
                       tokenizer.encode(marks.split(rest), {.continues = !prompt.ids.empty()}));
  prompt.ids.insert(prompt.ids.end(), fresh.begin(), fresh.end());
  ensure_bos(tokenizer, prompt.ids);
  return prompt;
}

Result<std::vector<TokenId>> encode_raw(const ModelBundle& bundle, std::string_view text) {
  ETB_ASSIGN_OR_RETURN(auto ids, bundle.tokenizer->encode(text, {.parse_special = true}));
  ensure_bos(*bundle.tokenizer, ids);
  return ids;
}

}  // namespace etb
