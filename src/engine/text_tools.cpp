#include "engine/text_tools.h"

#include <utility>

#include "base/text.h"
#include "engine/chat_setup.h"
#include "engine/prompt_encoder.h"
#include "engine/stock_bundle.h"
#include "platform/files.h"
#include "platform/mapped_file.h"

namespace etb {
namespace {

constexpr size_t kTemplateLimit = size_t{4} << 20;  // bytes; real ones have a few thousand

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

Result<TemplateSource> open_model_template(const std::string& path, const LoadProgress& progress) {
  ETB_ASSIGN_OR_RETURN(const TextModel text, open_text_model(path, progress));
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

Result<TemplateSource> open_template_file(const std::string& path) {
  ETB_ASSIGN_OR_RETURN(const std::string text, read_text_file(path, kTemplateLimit));
  auto parsed = prompt::ChatTemplate::parse(text);
  if (!parsed.ok()) return parsed.status().with_context(path);
  return TemplateSource{
      .chat_template = std::make_shared<const prompt::ChatTemplate>(std::move(parsed).value()),
      .defaults = {}};
}

}  // namespace etb
