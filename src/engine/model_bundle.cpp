#include "engine/model_bundle.h"

#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "engine/chat_setup.h"
#include "engine/stock_bundle.h"
#include "import/cache.h"
#include "platform/mapped_file.h"

namespace etb {
namespace {

std::string_view as_text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The tokenizer reads its tables in place: it keeps the mapping alive.
Result<std::shared_ptr<const token::Tokenizer>> read_tokenizer(const model::PteFile& pte) {
  ETB_ASSIGN_OR_RETURN(const auto bytes, pte.named_data(model::kTokenizerKey));
  auto tokenizer = token::Tokenizer::create(bytes, pte.mapping());
  if (!tokenizer.ok()) return tokenizer.status().with_context(pte.name());
  return std::make_shared<const token::Tokenizer>(std::move(tokenizer).value());
}

Status read_own(const model::PteFile& pte, ModelBundle& bundle) {
  ETB_ASSIGN_OR_RETURN(bundle.manifest, pte.manifest());
  ETB_ASSIGN_OR_RETURN(bundle.tokenizer, read_tokenizer(pte));
  const auto chat_template = pte.named_data(model::kTemplateKey);
  if (chat_template.ok()) {
    bundle.chat_template = read_chat_template(pte.name(), as_text(*chat_template));
  }
  return {};
}

}  // namespace

bool is_gguf(const MappedFile& file) {
  return as_text(file.bytes()).starts_with("GGUF");
}

bool is_model_file(const MappedFile& file) {
  return is_gguf(file) || model::looks_like_pte(file.bytes());
}

std::shared_ptr<const prompt::ChatTemplate> read_chat_template(std::string_view name,
                                                               std::string_view text) {
  if (text.empty()) return nullptr;
  auto parsed = prompt::ChatTemplate::parse(text);
  if (parsed.ok()) return std::make_shared<const prompt::ChatTemplate>(std::move(parsed).value());
  log(LogLevel::Warning,
      concat(name, ": its chat template is not used: ", parsed.status().message()));
  return nullptr;
}

Result<std::string> resolve_model(const std::string& path, const LoadProgress& progress,
                                  const CancelToken* cancel) {
  ETB_ASSIGN_OR_RETURN(const auto file, MappedFile::open(path));
  if (!is_gguf(*file)) return path;
  import::CacheOptions options;
  options.cancel = cancel;
  if (progress) {
    options.progress = [&progress](uint64_t done, uint64_t total) {
      progress("importing", done, total);
    };
  }
  return import::cached_model(path, options);
}

Result<ModelBundle> open_bundle(const BundlePaths& paths, const LoadProgress& progress,
                                const CancelToken* cancel) {
  ETB_ASSIGN_OR_RETURN(ChosenTemplate chosen, choose_template(paths.chat_template));
  ETB_ASSIGN_OR_RETURN(std::string pte_path, resolve_model(paths.model, progress, cancel));
  ETB_ASSIGN_OR_RETURN(model::PteFile pte, model::PteFile::open(pte_path));
  if (pte.is_own() && !paths.tokenizer.empty()) {
    return Status(StatusCode::InvalidArgument,
                  concat(paths.model, " has its own tokenizer: none can be given"));
  }
  if (pte.is_own() && !paths.data.empty()) {
    return Status(StatusCode::InvalidArgument,
                  concat(paths.model, " holds all of its weights: no .ptd can be given"));
  }
  ModelBundle bundle;
  ETB_RETURN_IF_ERROR(pte.is_own() ? read_own(pte, bundle) : read_stock(pte, paths, bundle));
  bundle.path = std::move(pte_path);
  bundle.pte = std::make_shared<const model::PteFile>(std::move(pte));
  if (chosen.chat_template != nullptr) bundle.chat_template = std::move(chosen.chat_template);
  bundle.chosen = chosen.format;
  settle_chat_format(bundle);
  return bundle;
}

}  // namespace etb
