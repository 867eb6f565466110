#include "engine/tokenizer_cache.h"

#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "family/vocab.h"
#include "model/cache_files.h"
#include "model/sealed_file.h"
#include "model/stream_hash.h"
#include "platform/mapped_file.h"
#include "platform/paths.h"
#include "token/tokenizer_file.h"

namespace etb {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr std::string_view kMagic = "ETBTOKN1";
constexpr size_t kHeadBytes = 2 * sizeof(uint32_t);

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

template <class T>
Bytes bytes_of(std::span<const T> numbers) {
  return {reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size_bytes()};
}

Result<uint64_t> key_of(const token::TokenizerSource& source) {
  ETB_ASSIGN_OR_RETURN(model::StreamHash hash, model::StreamHash::create());
  model::add_identity(hash, *source.main);
  const token::SideFiles& side = source.side;
  const std::string_view texts[] = {side.tokenizer_config, side.generation_config,
                                    side.template_json, side.template_jinja, ETB_VERSION};
  for (const std::string_view text : texts) {
    const uint64_t size[] = {text.size()};
    hash.add(bytes_of(std::span<const uint64_t>(size)));
    hash.add(bytes_of(text));
  }
  return hash.value();
}

// What a person calls it: most main files have the same name, but not their folders.
std::string shown_name(const std::string& path) {
  const std::string_view stem = file_stem(path), folder = file_name(folder_of(path));
  const bool by_folder = stem == "tokenizer" && !folder.empty() && folder != ".";
  return std::string(by_folder ? folder : stem);
}

Status parse_kept(Bytes content, std::shared_ptr<const MappedFile> owner, PublishedTokenizer& out) {
  const Status corrupt(StatusCode::Corrupt, "its lengths are off");
  std::array<uint32_t, 2> counts;
  if (content.size() < kHeadBytes) return corrupt;
  std::memcpy(counts.data(), content.data(), kHeadBytes);
  content = content.subspan(kHeadBytes);
  const uint64_t eos_bytes = uint64_t{counts[0]} * sizeof(TokenId);
  if (eos_bytes + counts[1] > content.size()) return corrupt;
  out.eos_ids.resize(counts[0]);
  if (eos_bytes > 0) std::memcpy(out.eos_ids.data(), content.data(), eos_bytes);
  content = content.subspan(eos_bytes);
  out.chat_template.assign(reinterpret_cast<const char*>(content.data()), counts[1]);
  ETB_ASSIGN_OR_RETURN(auto tokenizer,
                       token::Tokenizer::create(content.subspan(counts[1]), std::move(owner)));
  for (const TokenId id : out.eos_ids) {
    if (id >= tokenizer.vocab_size()) return {StatusCode::Corrupt, "an end is out of range"};
  }
  out.tokenizer = std::make_shared<const token::Tokenizer>(std::move(tokenizer));
  return {};
}

Status open_kept(const std::string& kept, const model::Seal& seal, PublishedTokenizer& out) {
  ETB_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, MappedFile::open(kept));
  ETB_ASSIGN_OR_RETURN(const Bytes content, model::open_sealed(file->bytes(), seal));
  return parse_kept(content, std::move(file), out);
}

// Of the published files; and the stored vocabulary that it reads in place.
struct ReadAnew {
  PublishedTokenizer tokenizer;
  std::shared_ptr<const std::vector<uint8_t>> vocab;
};

Result<ReadAnew> read_anew(const token::TokenizerSource& source) {
  ETB_ASSIGN_OR_RETURN(token::TokenizerFiles files, token::read_source(source));
  auto vocab = family::serialize_vocab(files.vocab);
  if (!vocab.ok()) return vocab.status().with_context(files.path);
  auto stored = std::make_shared<const std::vector<uint8_t>>(std::move(vocab).value());
  auto tokenizer = token::Tokenizer::create(Bytes(*stored), stored);
  if (!tokenizer.ok()) return tokenizer.status().with_context(files.path);
  return ReadAnew{.tokenizer = {.path = std::move(files.path),
                                .tokenizer = std::make_shared<const token::Tokenizer>(
                                    std::move(tokenizer).value()),
                                .chat_template = std::move(files.chat_template),
                                .eos_ids = std::move(files.eos_ids)},
                  .vocab = std::move(stored)};
}

void keep(const ReadAnew& read, const std::string& folder, const std::string& name,
          const model::Seal& seal) {
  const PublishedTokenizer& tokenizer = read.tokenizer;
  const uint32_t counts[] = {static_cast<uint32_t>(tokenizer.eos_ids.size()),
                             static_cast<uint32_t>(tokenizer.chat_template.size())};
  const Bytes content[] = {bytes_of(std::span<const uint32_t>(counts)),
                           bytes_of(std::span<const TokenId>(tokenizer.eos_ids)),
                           bytes_of(tokenizer.chat_template), Bytes(*read.vocab)};
  const Status kept = model::keep_sealed(folder, name, seal, {content});
  if (kept.ok()) {
    log(LogLevel::Debug, concat(tokenizer.path, ": tokenizer kept in ", join_path(folder, name)));
  } else {
    log(LogLevel::Warning, concat(tokenizer.path,
                                  ": the tokenizer is not kept, the next start "
                                  "reads it again: ",
                                  kept.message()));
  }
}

}  // namespace

Result<PublishedTokenizer> open_published_tokenizer(const std::string& path,
                                                    const std::string& folder) {
  ETB_ASSIGN_OR_RETURN(const token::TokenizerSource source, token::open_source(path));
  if (folder.empty()) {
    ETB_ASSIGN_OR_RETURN(ReadAnew read, read_anew(source));
    return std::move(read.tokenizer);
  }
  ETB_ASSIGN_OR_RETURN(const uint64_t key, key_of(source));
  const model::Seal seal{kMagic, key};
  const std::string name = model::cache_file_name(concat(shown_name(source.path), ".json"), key,
                                                  model::kOpenedTokenizer);
  const std::string kept = join_path(folder, name);
  PublishedTokenizer tokenizer{.path = source.path};
  const Status opened = open_kept(kept, seal, tokenizer);
  if (opened.ok()) {
    log(LogLevel::Debug, concat(source.path, ": tokenizer from ", kept));
    return tokenizer;
  }
  if (opened.code() != StatusCode::NotFound) {
    log(LogLevel::Warning,
        concat("a tokenizer is read again: ", kept, " cannot be used: ", opened.message()));
  }
  ETB_ASSIGN_OR_RETURN(ReadAnew read, read_anew(source));
  keep(read, folder, name, seal);
  return std::move(read.tokenizer);
}

}  // namespace etb
