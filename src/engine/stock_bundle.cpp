#include "engine/stock_bundle.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "model/capabilities.h"
#include "platform/paths.h"
#include "token/tokenizer_file.h"

namespace etb {
namespace {

Result<token::TokenizerFiles> open_files(const model::PteFile& pte, const std::string& tokenizer) {
  if (!tokenizer.empty()) return token::open_tokenizer(tokenizer);
  auto files = token::open_tokenizer(std::string(folder_of(pte.name())));
  if (files.ok() || files.status().code() != StatusCode::NotFound) return files;
  return Status(StatusCode::NotFound,
                concat(pte.name(), " has its tokenizer in a file beside it: ",
                       files.status().message(), "; give it with --tokenizer"));
}

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

}  // namespace

Status read_stock(const model::PteFile& pte, const std::string& tokenizer, ModelBundle& bundle) {
  const model::Capabilities file = model::capabilities_of(pte.summary());
  if (file.text_methods.empty()) {
    return {StatusCode::Unsupported,
            concat(pte.name(), " is no text model that this version runs (",
                   model::kind_name(file.kind), "); `etbridge inspect` explains the file")};
  }
  ETB_ASSIGN_OR_RETURN(token::TokenizerFiles files, open_files(pte, tokenizer));
  auto made = token::Tokenizer::create(files.vocab);
  if (!made.ok()) return made.status().with_context(files.path);
  bundle.tokenizer = std::make_shared<const token::Tokenizer>(std::move(made).value());
  bundle.chat_template = read_chat_template(files.path, files.chat_template);
  bundle.manifest = describe(pte, file);
  std::vector<TokenId>& stop = bundle.manifest.tokens.stop;
  stop.insert(stop.end(), files.eos_ids.begin(), files.eos_ids.end());
  std::ranges::sort(stop);
  stop.erase(std::unique(stop.begin(), stop.end()), stop.end());
  return {};
}

}  // namespace etb
