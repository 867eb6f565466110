#include "engine/chat_setup.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/media_prompt.h"
#include "family/media_format.h"

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

void use_built_in(ModelBundle& bundle) {
  auto built_in = prompt::ChatTemplate::parse(family::template_text(*bundle.format));
  if (!built_in.ok()) return;  // every row is parsed by a test
  bundle.chat_template = std::make_shared<const prompt::ChatTemplate>(std::move(built_in).value());
  log(LogLevel::Info, concat(bundle.path, " has no chat template: the built-in one of ",
                             bundle.format->name, " is used, as its vocabulary tells"));
}

constexpr std::string_view kProbe = "QnBkZgprobe";

// Whether a user message with this content comes out as its text, and as nothing but that.
bool takes(const prompt::ChatTemplate& chat_template, prompt::Value content) {
  prompt::Dict message;
  message.set("role", prompt::Value(std::string("user")));
  message.set("content", std::move(content));
  prompt::RenderInput input{
      .message_values = prompt::Value::list({prompt::Value::dict(std::move(message))}),
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
  forms.parts = takes(
      chat_template, MediaTags::parts({.role = {}, .content = std::string(kProbe)},
                                      [](std::string_view text) { return std::string(text); }, {}));
  if (!forms.parts) forms.text = true;  // then it is to say itself what is wrong
  return forms;
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
  if (bundle.chat_template) bundle.content = content_forms(*bundle.chat_template);
  if (bundle.media.image) settle_media(traits, media::Kind::Image, bundle.image_marks);
  if (bundle.media.audio) settle_media(traits, media::Kind::Audio, bundle.audio_marks);
}

std::vector<TokenId> collect_stop_ids(const ModelBundle& bundle) {
  std::vector<TokenId> stops = bundle.manifest.tokens.stop;
  if (bundle.tokenizer == nullptr) return stops;
  const family::VocabIds& ids = bundle.tokenizer->ids();
  for (const auto& id : {ids.eos, ids.eot, ids.eom, bundle.manifest.tokens.eos}) {
    if (id) stops.push_back(*id);
  }
  if (bundle.format != nullptr) {
    for (const std::string_view text : bundle.format->stop_texts) {
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
