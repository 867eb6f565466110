#include "engine/stock_bundle.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "engine/prompt_encoder.h"
#include "engine/tokenizer_cache.h"
#include "model/capabilities.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "prompt/json.h"

namespace etb {
namespace {

// As Hugging Face's processors are published.
constexpr std::string_view kImageSettings = "preprocessor_config.json";
constexpr size_t kMostSettingsBytes = size_t{1} << 20;

// Ids that a file names, as far as the vocabulary has them.
void add_known(std::span<const int64_t> ids, uint64_t vocab, std::vector<TokenId>& out) {
  for (const int64_t id : ids) {
    if (id >= 0 && static_cast<uint64_t>(id) < vocab) out.push_back(static_cast<TokenId>(id));
  }
}

model::Manifest describe(const model::PteFile& pte, const model::Capabilities& file) {
  const model::TextMethod& method = file.text_methods.front();
  model::Manifest manifest;
  manifest.name = file_name(pte.name());
  manifest.shape.vocab = static_cast<uint32_t>(method.vocab);
  const int64_t layers = pte.summary().int_constant("get_n_layers").value_or(0);
  manifest.shape.layers = static_cast<uint32_t>(std::clamp<int64_t>(layers, 0, UINT16_MAX));
  manifest.shape.context_train =
      static_cast<uint32_t>(std::min<uint64_t>(file.context.value_or(0), UINT32_MAX));
  manifest.defaults.context = manifest.shape.context_train;
  manifest.defaults.chunk =
      static_cast<uint32_t>(std::min<uint64_t>(method.most_tokens, UINT32_MAX));
  add_known(file.eos_ids, method.vocab, manifest.tokens.stop);
  return manifest;
}

// Numbers of a processor's settings: of one, of a list, true as 1.
std::vector<double> numbers_of(const prompt::Value& value) {
  std::vector<double> numbers;
  if (value.is_list()) {
    for (const prompt::Value& item : value.items()) {
      const std::vector<double> one = numbers_of(item);
      numbers.insert(numbers.end(), one.begin(), one.end());
    }
  } else if (value.is_bool() || value.is_number()) {
    numbers.push_back(value.number());
  }
  return numbers;
}

// Where the file itself does not say how images are prepared, the published settings beside it do.
Status describe_media(const model::PteFile& pte, std::string_view folder, ModelBundle& bundle) {
  auto methods = model::media_methods(pte.summary());
  if (!methods.ok()) return methods.status().with_context(pte.name());
  bundle.media = *methods;
  if (!bundle.media.image) return {};
  const std::string path = join_path(folder, kImageSettings);
  const auto text = read_text_file(path, kMostSettingsBytes);
  if (text.ok()) {
    auto settings = prompt::parse_json(*text);
    if (!settings.ok()) return settings.status().with_context(path);
    const auto setting = [&](std::string_view name) {
      const prompt::Value* const found =
          settings->is_dict() ? settings->dict().find(name) : nullptr;
      return found == nullptr ? std::vector<double>() : numbers_of(*found);
    };
    const Status read = media::read_recipe(setting, bundle.recipe);
    if (!read.ok()) return read.with_context(path);
  } else if (text.status().code() != StatusCode::NotFound) {
    return text.status();
  }
  const auto own = [&](std::string_view name) { return pte.summary().numbers(name); };
  const Status read = media::read_recipe(own, bundle.recipe);
  return read.ok() ? read : read.with_context(pte.name());
}

Status open_data(const model::PteFile& pte, std::vector<std::string> paths, ModelBundle& bundle) {
  if (std::string beside = data_file_beside(pte.name()); paths.empty() && !beside.empty()) {
    paths.push_back(std::move(beside));
  }
  for (const std::string& path : paths) {
    ETB_ASSIGN_OR_RETURN(bundle.data.emplace_back(), MappedFile::open(path));
  }
  return {};
}

// The token that a file's metadata names for its images and sounds.
void name_placeholders(const model::PteSummary& summary, ModelBundle& bundle) {
  const auto text_of = [&](std::string_view name) {
    const auto id = summary.int_constant(name);
    const bool known = id && *id >= 0 && *id < int64_t{bundle.manifest.shape.vocab};
    return known ? token_text(*bundle.tokenizer, static_cast<TokenId>(*id)) : std::string();
  };
  bundle.image_marks.placeholder = text_of("vision_token_id");
  if (bundle.image_marks.placeholder.empty()) {
    bundle.image_marks.placeholder = text_of("image_token_id");
  }
  bundle.audio_marks.placeholder = text_of("audio_token_id");
}

}  // namespace

Result<std::string> read_tokenizer_files(const std::string& path, ModelBundle& bundle) {
  ETB_ASSIGN_OR_RETURN(PublishedTokenizer files,
                       open_published_tokenizer(path, cache_folder_if_any()));
  bundle.tokenizer = std::move(files.tokenizer);
  bundle.chat_template = read_chat_template(files.path, files.chat_template);
  std::vector<TokenId>& stop = bundle.manifest.tokens.stop;
  stop.insert(stop.end(), files.eos_ids.begin(), files.eos_ids.end());
  return std::move(files.path);
}

std::string data_file_beside(std::string_view model) {
  std::string path = join_path(folder_of(model), concat(file_stem(model), ".ptd"));
  return file_identity(path).ok() ? path : std::string();
}

Status read_stock(const model::PteFile& pte, const BundlePaths& paths, ModelBundle& bundle) {
  const model::Capabilities file = model::capabilities_of(pte.summary());
  if (file.text_methods.empty()) {
    return {StatusCode::Unsupported,
            concat(pte.name(), " is no text model that this version runs (",
                   model::kind_name(file.kind), "); `etbridge inspect` explains the file")};
  }
  bundle.manifest = describe(pte, file);
  ETB_RETURN_IF_ERROR(describe_media(pte, folder_of(pte.name()), bundle));
  ETB_RETURN_IF_ERROR(open_data(pte, paths.data, bundle));
  const bool beside = paths.tokenizer.empty();
  const Status read =
      read_tokenizer_files(beside ? std::string(folder_of(pte.name())) : paths.tokenizer, bundle)
          .status();
  if (read.ok()) name_placeholders(pte.summary(), bundle);
  if (!beside || read.code() != StatusCode::NotFound) return read;
  if (paths.ids_only) return {};
  return {StatusCode::NotFound, concat(pte.name(), " has its tokenizer in a file beside it: ",
                                       read.message(), "; give it with --tokenizer")};
}

}  // namespace etb
