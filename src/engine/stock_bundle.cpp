#include "engine/stock_bundle.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "model/capabilities.h"
#include "platform/paths.h"
#include "token/tokenizer_file.h"

namespace etb {
namespace {

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

Result<std::string> read_tokenizer_files(const std::string& path, ModelBundle& bundle) {
  ETB_ASSIGN_OR_RETURN(token::TokenizerFiles files, token::open_tokenizer(path));
  auto tokenizer = token::Tokenizer::create(files.vocab);
  if (!tokenizer.ok()) return tokenizer.status().with_context(files.path);
  bundle.tokenizer = std::make_shared<const token::Tokenizer>(std::move(tokenizer).value());
  bundle.chat_template = read_chat_template(files.path, files.chat_template);
  std::vector<TokenId>& stop = bundle.manifest.tokens.stop;
  stop.insert(stop.end(), files.eos_ids.begin(), files.eos_ids.end());
  return std::move(files.path);
}

Status read_stock(const model::PteFile& pte, const std::string& tokenizer, ModelBundle& bundle) {
  const model::Capabilities file = model::capabilities_of(pte.summary());
  if (file.text_methods.empty()) {
    return {StatusCode::Unsupported,
            concat(pte.name(), " is no text model that this version runs (",
                   model::kind_name(file.kind), "); `etbridge inspect` explains the file")};
  }
  bundle.manifest = describe(pte, file);
  const bool beside = tokenizer.empty();
  const Status read =
      read_tokenizer_files(beside ? std::string(folder_of(pte.name())) : tokenizer, bundle)
          .status();
  if (!beside || read.code() != StatusCode::NotFound) return read;
  return {StatusCode::NotFound, concat(pte.name(), " has its tokenizer in a file beside it: ",
                                       read.message(), "; give it with --tokenizer")};
}

}  // namespace etb
