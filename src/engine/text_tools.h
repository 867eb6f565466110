// The tokenizer and the chat template of a model alone, for `tokenize`, `detokenize` and `render`.
#pragma once

#include <memory>
#include <string>

#include "base/status.h"
#include "engine/model_bundle.h"
#include "prompt/chat_template.h"
#include "prompt/civil_time.h"
#include "prompt/render_line.h"
#include "token/tokenizer.h"

namespace etb {

using prompt::seconds_from_iso;  // "2026-11-23T12:00:00", read as UTC

struct TextModel {
  std::string name;  // for messages
  std::shared_ptr<const token::Tokenizer> tokenizer;
  std::shared_ptr<const prompt::ChatTemplate> chat_template;  // null: there is none
};

// `path`: a model file, a tokenizer file (tokenizer.json, tokenizer.model), or a folder that holds
// one; with the files beside it (token/tokenizer_file.h).
Result<TextModel> open_text_model(const std::string& path, const LoadProgress& progress);

// What `render` fills a template with if a line does not say otherwise.
struct TemplateSource {
  std::shared_ptr<const prompt::ChatTemplate> chat_template;
  prompt::RenderDefaults defaults;
};

// Of a model as open_text_model() opens it, with its own template or, if `chat_template` is not
// empty, with that one (chat_setup.h, choose_template()); Unsupported if it has none. An empty
// path: the template alone.
Result<TemplateSource> open_template(const std::string& path, const std::string& chat_template,
                                     const LoadProgress& progress);

// "llama-3.2, ...": what can be given as a chat template by name.
std::string built_in_templates();

}  // namespace etb
