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

// Those of an object; none of anything else.
prompt::Dict entries_of(const prompt::Value& fields) {
  prompt::Dict entries;
  if (!fields.is_dict()) return entries;
  for (const auto& [name, value] : fields.dict().entries()) entries.set(name.text(), value);
  return entries;
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
  prompt::Dict more = entries_of(fields);
  more.set("tools", prompt::json_text(bare(tools)));
  messages[0].fields = prompt::json_text(prompt::Value::dict(std::move(more)));
  return {};
}

// A prompt in the making.
struct Marked {
  const ModelBundle& bundle;
  const LiteralMarks& marks;
  const MediaTags& tags;
};

// Content as a list of parts, which stands in for the text; `behind` is one more, if it says
// something. Fields that name a content themselves keep it.
void use_parts(const ChangeText& mark, const std::string& behind, const prompt::Value& fields,
               prompt::Message& message) {
  prompt::Dict more = entries_of(fields);
  if (more.find("content") != nullptr) return;
  more.set("content", MediaTags::parts(message, mark, behind));
  message.fields = prompt::json_text(prompt::Value::dict(std::move(more)));
}

// All that people and tools wrote, marked. `parts`: what carries media as a list of parts, and all
// else too if the template takes no texts. Precondition: make_plain().
Result<prompt::RenderInput> marked_input(const Marked& with, std::vector<prompt::Message> messages,
                                         const PromptSettings& settings, bool parts) {
  const ModelBundle& bundle = with.bundle;
  // The calls of a message are written as the model does it where the template does not show them.
  const bool writes_calls =
      bundle.calls != nullptr && !family::shows_calls(bundle.chat_template->text());
  const ChangeText mark = [&](std::string_view text) { return with.marks.mark(text); };
  const auto mark_json = [&](const std::string& json) -> Result<prompt::Value> {
    ETB_ASSIGN_OR_RETURN(const prompt::Value value, prompt::parse_json(json));
    return prompt::with_strings(value, mark);
  };
  for (prompt::Message& message : messages) {
    for (std::string* text : {&message.role, &message.reasoning}) *text = mark(*text);
    prompt::Value fields;
    if (!message.fields.empty()) {
      ETB_ASSIGN_OR_RETURN(fields, mark_json(message.fields));
      message.fields = prompt::json_text(fields);
    }
    const std::string calls = writes_calls ? written_calls(fields, *bundle.calls) : std::string();
    if (parts && (!message.media.empty() || !bundle.content.text)) {
      use_parts(mark, calls, fields, message);
    }
    message.content = with.tags.tagged(message, mark);
    if (!message.content.empty() && !calls.empty()) message.content += bundle.calls->between;
    message.content += calls;
  }
  prompt::RenderInput input{.messages = std::move(messages),
                            .now_seconds = settings.now_seconds,
                            .marks = with.marks.characters()};
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

// Rendered with a tag where each image and sound stands, and what the family writes around it.
Result<std::string> render_tagged(const Marked& with, const std::vector<prompt::Message>& messages,
                                  const PromptSettings& settings) {
  if (with.bundle.content.parts && (!with.tags.empty() || !with.bundle.content.text)) {
    ETB_ASSIGN_OR_RETURN(prompt::RenderInput input, marked_input(with, messages, settings, true));
    auto text = render(with.bundle, std::move(input));
    if (with.tags.empty()) return text;
    if (text.ok()) {
      const auto tagged = with.tags.from_placeholders(*text, with.marks.open());
      if (tagged) return with.tags.surrounded(*tagged);
    }
  }
  ETB_ASSIGN_OR_RETURN(prompt::RenderInput input, marked_input(with, messages, settings, false));
  ETB_ASSIGN_OR_RETURN(const std::string text, render(with.bundle, std::move(input)));
  if (with.tags.all_in(text)) return with.tags.surrounded(text);
  return Status(StatusCode::Unsupported,
                concat(with.bundle.path,
                       ": its chat template does not show every image or sound "
                       "of the conversation"));
}

// The ids of what stands in `text`, behind those that the prompt has.
Status encode_rest(const Marked& with, std::string_view text, FormattedPrompt& prompt) {
  for (const MediaTags::Piece& piece : with.tags.split(text)) {
    ETB_ASSIGN_OR_RETURN(const std::vector<TokenId> fresh,
                         with.bundle.tokenizer->encode(with.marks.split(piece.text),
                                                       {.continues = !prompt.ids.empty()}));
    prompt.ids.insert(prompt.ids.end(), fresh.begin(), fresh.end());
    if (piece.media == nullptr) continue;
    for (uint32_t i = 0; i < piece.media->count; ++i) {
      prompt.ids.push_back(piece.media->media->id_at(i));
    }
  }
  return {};
}

// Notes where they stand, in what was spliced too. Precondition: the ids are those of the text.
void find_media(const MediaTags& tags, FormattedPrompt& prompt) {
  auto from = prompt.ids.begin();
  for (const MediaTags::Piece& piece : tags.split(prompt.text)) {
    if (piece.media == nullptr) continue;
    from = std::find(from, prompt.ids.end(), piece.media->media->id_at(0));
    prompt.media.push_back(*piece.media);
    prompt.media.back().begin = static_cast<size_t>(from - prompt.ids.begin());
    from += std::min<std::ptrdiff_t>(piece.media->count, prompt.ids.end() - from);
  }
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
                         family::known_chat_formats(),
                         "): give one with --template, or use `run --raw` "
                         "with the whole prompt"));
  }
  for (const prompt::Message& message : messages) ETB_RETURN_IF_ERROR(check_utf8(message));
  const token::Tokenizer& tokenizer = *bundle.tokenizer;
  std::vector<prompt::Message> plain = messages;
  PromptSettings with = settings;
  ETB_RETURN_IF_ERROR(make_plain(plain, with.tools));
  ETB_ASSIGN_OR_RETURN(const LiteralMarks marks,
                       LiteralMarks::create(tokenizer, plain, with.tools));
  ETB_ASSIGN_OR_RETURN(const MediaTags tags, MediaTags::create(bundle, plain, marks.spare()));
  const Marked marked{bundle, marks, tags};
  FormattedPrompt prompt;
  ETB_ASSIGN_OR_RETURN(prompt.text, render_tagged(marked, plain, with));
  std::string_view rest = prompt.text;
  if (const Transcript::Mark* const mark = last_mark_within(transcript, rest)) {
    prompt.ids.assign(transcript.ids.begin(),
                      transcript.ids.begin() + static_cast<ptrdiff_t>(mark->ids));
    rest.remove_prefix(mark->text);
  }
  ETB_RETURN_IF_ERROR(encode_rest(marked, rest, prompt));
  ensure_bos(tokenizer, prompt.ids);
  find_media(tags, prompt);
  return prompt;
}

Result<std::vector<TokenId>> encode_raw(const ModelBundle& bundle, std::string_view text) {
  ETB_ASSIGN_OR_RETURN(auto ids, bundle.tokenizer->encode(text, {.parse_special = true}));
  ensure_bos(*bundle.tokenizer, ids);
  return ids;
}

}  // namespace etb
