#include "engine/text_tools.h"

#include <utility>

#include "base/text.h"
#include "engine/chat_setup.h"
#include "engine/prompt_encoder.h"
#include "engine/stock_bundle.h"
#include "platform/mapped_file.h"

namespace etb {
namespace {

Result<TextModel> read_text_files(const std::string& path) {
  ModelBundle bundle;
  ETB_ASSIGN_OR_RETURN(bundle.path, read_tokenizer_files(path, bundle));
  settle_chat_format(bundle);
  return TextModel{.name = std::move(bundle.path),
                   .tokenizer = std::move(bundle.tokenizer),
                   .chat_template = std::move(bundle.chat_template)};
}

}  // namespace

Result<TextModel> open_text_model(const std::string& path, const LoadProgress& progress) {
  if (is_folder(path)) return read_text_files(path);
  ETB_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  if (!is_model_file(*file)) return read_text_files(path);
  ETB_ASSIGN_OR_RETURN(ModelBundle bundle, open_bundle({.model = path}, progress, nullptr));
  return TextModel{.name = path,
                   .tokenizer = std::move(bundle.tokenizer),
                   .chat_template = std::move(bundle.chat_template)};
}

Result<TemplateSource> open_template(const std::string& path, const std::string& chat_template,
                                     const LoadProgress& progress) {
  ETB_ASSIGN_OR_RETURN(ChosenTemplate chosen, choose_template(chat_template));
  if (path.empty()) {
    return TemplateSource{.chat_template = std::move(chosen.chat_template), .defaults = {}};
  }
  ETB_ASSIGN_OR_RETURN(TextModel text, open_text_model(path, progress));
  if (chosen.chat_template != nullptr) text.chat_template = std::move(chosen.chat_template);
  if (!text.chat_template) {
    return Status(StatusCode::Unsupported,
                  concat(text.name,
                         " has no chat template, and its vocabulary tells none of the built-in "
                         "ones (",
                         family::known_chat_formats(), "): give one with --template"));
  }
  const family::VocabIds& ids = text.tokenizer->ids();
  return TemplateSource{.chat_template = text.chat_template,
                        .defaults = {.bos_token = token_text(*text.tokenizer, ids.bos),
                                     .eos_token = token_text(*text.tokenizer, ids.eos)}};
}

std::string built_in_templates() {
  return family::known_chat_formats();
}

}  // namespace etb
