#include "engine/chat_setup.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/media_prompt.h"
#include "engine/prompt_encoder.h"
#include "family/media_format.h"
#include "platform/files.h"
#include "token/utf8.h"

namespace etb {
namespace {

// Some token that text is not made of: its spelling stands for it alone, or the tokenizer itself
// names it as an end (files exist that type theirs as text).
bool is_special(const token::Tokenizer& tokenizer, TokenId id) {
  const family::VocabIds& ids = tokenizer.ids();
  if (id == ids.eos || id == ids.eot || id == ids.eom) return true;
  const auto text = tokenizer.piece(id, {.special = true});
  return text.ok() && tokenizer.find_special(*text) == id;
}

void keep_special(const ModelBundle& bundle, std::vector<TokenId>& ids) {
  const auto ordinary = [&](TokenId id) { return !is_special(*bundle.tokenizer, id); };
  if (std::ranges::all_of(ids, ordinary)) return;
  for (const TokenId id : ids) {
    if (!ordinary(id)) continue;
    log(LogLevel::Warning, concat(bundle.path, ": its metadata ends answers at token ", id,
                                  ", which is a piece of text in its vocabulary: not obeyed"));
  }
  std::erase_if(ids, ordinary);
}

constexpr size_t kTemplateLimit = size_t{4} << 20;  // bytes; real ones have a few thousand

Result<std::shared_ptr<const prompt::ChatTemplate>> parsed(std::string_view text) {
  ETB_ASSIGN_OR_RETURN(prompt::ChatTemplate it, prompt::ChatTemplate::parse(text));
  return std::make_shared<const prompt::ChatTemplate>(std::move(it));
}

void use_built_in(ModelBundle& bundle) {
  auto built_in = parsed(family::template_text(*bundle.format));
  if (!built_in.ok()) return;  // every row is parsed by a test
  bundle.chat_template = std::move(built_in).value();
  log(LogLevel::Info, concat(bundle.path, " has no chat template: the built-in one of ",
                             bundle.format->name, " is used, as its vocabulary tells"));
}

constexpr std::string_view kProbe = "QnBkZgprobe";

prompt::Value message_of(std::string role, prompt::Value content) {
  prompt::Dict message;
  message.set("role", prompt::Value(std::move(role)));
  message.set("content", std::move(content));
  return prompt::Value::dict(std::move(message));
}

prompt::Value parts_of(std::string text) {
  return MediaTags::parts({.role = {}, .content = std::move(text)},
                          [](std::string_view part) { return std::string(part); }, {});
}

// Whether a user message with this content comes out as its text, and as nothing but that.
bool takes(const prompt::ChatTemplate& chat_template, prompt::Value content) {
  prompt::RenderInput input{
      .message_values = prompt::Value::list({message_of("user", std::move(content))}),
      .add_generation_prompt = true,
      .bos_token = "",
      .eos_token = ""};
  const auto text = chat_template.render(input);
  return text.ok() && text->find(kProbe) != std::string::npos &&
         text->find("'type'") == std::string::npos && text->find("\"type\"") == std::string::npos;
}

ContentForms content_forms(const prompt::ChatTemplate& chat_template) {
  ContentForms forms;
  forms.text = takes(chat_template, prompt::Value(std::string(kProbe)));
  forms.parts = takes(chat_template, parts_of(std::string(kProbe)));
  if (!forms.parts) forms.text = true;  // then it is to say itself what is wrong
  return forms;
}

// The special token that the template writes behind an answer, if it is one.
std::optional<TokenId> find_answer_end(const ModelBundle& bundle) {
  const token::Tokenizer& tokenizer = *bundle.tokenizer;
  const auto content = [&](std::string_view text) {
    return bundle.content.text ? prompt::Value(std::string(text)) : parts_of(std::string(text));
  };
  const auto text = bundle.chat_template->render(
      {.message_values = prompt::Value::list(
           {message_of("user", content("?")), message_of("assistant", content(kProbe))}),
       .bos_token = token_text(tokenizer, tokenizer.ids().bos),
       .eos_token = token_text(tokenizer, tokenizer.ids().eos)});
  const size_t answer = text.ok() ? text->rfind(kProbe) : std::string::npos;
  if (answer == std::string::npos) return std::nullopt;
  const size_t behind = text->find_first_not_of(" \t\r\n", answer + kProbe.size());
  if (behind == std::string::npos) return std::nullopt;
  const auto ids = tokenizer.encode(std::string_view(*text).substr(behind),
                                    {.parse_special = true, .continues = true});
  if (!ids.ok() || ids->empty() || !is_special(tokenizer, ids->front())) return std::nullopt;
  return ids->front();
}

// A row of the family's wins over the token that the file's metadata names.
void settle_media(const family::ModelTraits& traits, media::Kind kind, MediaMarks& marks) {
  const family::MediaFormat* const format = family::find_media_format(kind, traits);
  if (format == nullptr) return;
  marks = {.placeholder = std::string(format->placeholder),
           .before = std::string(format->before),
           .after = std::string(format->after)};
}

}  // namespace

Result<ChosenTemplate> choose_template(const std::string& name_or_path) {
  ChosenTemplate chosen;
  if (name_or_path.empty()) return chosen;
  chosen.format = family::chat_format_named(name_or_path);
  if (chosen.format != nullptr) {
    ETB_ASSIGN_OR_RETURN(chosen.chat_template, parsed(family::template_text(*chosen.format)));
    return chosen;
  }
  const auto text = read_text_file(name_or_path, kTemplateLimit);
  if (text.status().code() == StatusCode::NotFound) {
    return Status(StatusCode::NotFound, concat("there is no chat template '", name_or_path,
                                               "': no such file, and the built-in ones are ",
                                               family::known_chat_formats()));
  }
  if (!text.ok()) return text.status();
  const size_t broken = token::first_invalid_utf8(*text);
  if (text->empty() || broken != text->size()) {
    return Status(StatusCode::Corrupt,
                  concat(name_or_path, " is no chat template: it is ",
                         text->empty() ? "empty" : "no text (not valid UTF-8)"));
  }
  auto own = parsed(*text);
  if (!own.ok()) return own.status().with_context(name_or_path);
  chosen.chat_template = std::move(own).value();
  return chosen;
}

void settle_chat_format(ModelBundle& bundle) {
  if (bundle.tokenizer == nullptr) return;
  const family::ModelTraits traits{
      .has_token =
          [&](std::string_view text) { return bundle.tokenizer->find_special(text) != kNoToken; },
      .layers = bundle.manifest.shape.layers};
  bundle.format = family::find_chat_format(traits);
  if (!bundle.chat_template && bundle.format != nullptr) use_built_in(bundle);
  const std::string_view text = bundle.chat_template ? bundle.chat_template->text() : "";
  bundle.reasoning = family::find_reasoning(text, traits);
  bundle.calls = family::find_calls(text, traits);
  if (bundle.chat_template) {
    bundle.content = content_forms(*bundle.chat_template);
    bundle.answer_end = find_answer_end(bundle);
  }
  if (bundle.media.image) settle_media(traits, media::Kind::Image, bundle.image_marks);
  if (bundle.media.audio) settle_media(traits, media::Kind::Audio, bundle.audio_marks);
}

std::vector<TokenId> collect_stop_ids(const ModelBundle& bundle) {
  std::vector<TokenId> stops = bundle.manifest.tokens.stop;
  if (bundle.tokenizer == nullptr) return stops;
  const family::VocabIds& ids = bundle.tokenizer->ids();
  for (const auto& id :
       {ids.eos, ids.eot, ids.eom, bundle.manifest.tokens.eos, bundle.answer_end}) {
    if (id) stops.push_back(*id);
  }
  for (const family::ChatFormat* const format : {bundle.format, bundle.chosen}) {
    if (format == nullptr) continue;
    for (const std::string_view text : format->stop_texts) {
      if (const TokenId id = bundle.tokenizer->find_special(text); id != kNoToken) {
        stops.push_back(id);
      }
    }
  }
  std::ranges::sort(stops);
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  keep_special(bundle, stops);
  return stops;
}

}  // namespace etb
