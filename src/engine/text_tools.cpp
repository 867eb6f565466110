#include "engine/text_tools.h"

#include <utility>

#include "base/text.h"
#include "engine/prompt_encoder.h"
#include "platform/files.h"

namespace etb {
namespace {

constexpr size_t kTemplateLimit = size_t{4} << 20;  // bytes; real ones have a few thousand

}  // namespace

Result<TemplateSource> open_model_template(const std::string& path, const LoadProgress& progress) {
  ETB_ASSIGN_OR_RETURN(const ModelBundle bundle, open_bundle(path, progress, nullptr));
  if (!bundle.chat_template) {
    return Status(StatusCode::Unsupported,
                  concat(path, " has no chat template: give one with --template"));
  }
  const family::VocabIds& ids = bundle.tokenizer->ids();
  return TemplateSource{.chat_template = bundle.chat_template,
                        .defaults = {.bos_token = token_text(*bundle.tokenizer, ids.bos),
                                     .eos_token = token_text(*bundle.tokenizer, ids.eos)}};
}

Result<TemplateSource> open_template_file(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kTemplateLimit));
  auto parsed = prompt::ChatTemplate::parse(text);
  if (!parsed.ok()) return parsed.status().with_context(path);
  return TemplateSource{
      .chat_template = std::make_shared<const prompt::ChatTemplate>(std::move(parsed).value()),
      .defaults = {}};
}

}  // namespace etb
