// Tokenizer keys of GGUF. Sizes and ids are checked against each other by serialize_vocab, which
// sees whatever this reads.
#include "import/vocab_import.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace etb::import {
namespace {

using family::TokenType;
using family::VocabData;
using family::VocabKind;

Status bad_key(const GgufFile& file, StatusCode code, std::string_view key, std::string_view what) {
  return Status(code, concat(file.name(), ": metadata '", key, "' ", what));
}

Result<VocabKind> read_kind(const GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.ggml.model";
  ETB_ASSIGN_OR_RETURN(const auto name, file.get_string(kKey));
  if (!name) {
    return bad_key(file, StatusCode::NotFound, kKey,
                   "is missing: the file carries no tokenizer; convert the model again with one");
  }
  if (*name == "gpt2") return VocabKind::ByteLevelBpe;
  if (*name == "llama") return VocabKind::SentencePiece;
  return bad_key(file, StatusCode::Unsupported, kKey,
                 concat("is '", name->substr(0, 64), "' (known: gpt2, llama)"));
}

Status read_tokens(const GgufFile& file, std::span<const std::string_view> texts,
                   family::TextList& out) {
  constexpr uint64_t kMaxBytes = uint64_t{1} << 30;
  uint64_t total = 0;
  for (const std::string_view text : texts) total += text.size();
  if (total > kMaxBytes) {
    return bad_key(file, StatusCode::Corrupt, "tokenizer.ggml.tokens", "is too long");
  }
  out.reserve(texts.size(), total);
  for (const std::string_view text : texts) out.push_back(text);
  return {};
}

Status read_types(const GgufFile& file, std::vector<TokenType>& out) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  ETB_ASSIGN_OR_RETURN(const auto types, file.get_ints(kKey));
  if (!types) return {};
  out.reserve(types->size());
  for (const int64_t type : *types) {
    if (type < 0 || type > 6) {
      return bad_key(file, StatusCode::Corrupt, kKey, concat("holds the unknown type ", type));
    }
    // 0 (undefined) is written for padding tokens.
    out.push_back(type == 0 ? TokenType::Unused : static_cast<TokenType>(type));
  }
  return {};
}

Status read_id(const GgufFile& file, std::string_view key, size_t vocab,
               std::optional<TokenId>& out) {
  const GgufValue* value = file.find(key);
  // -1, also as u32, is how some converters write "none".
  if (value == nullptr || std::ranges::all_of(value->payload, [](uint8_t b) { return b == 255; })) {
    return {};
  }
  ETB_ASSIGN_OR_RETURN(const auto id, file.get_uint(key));
  if (*id >= vocab) {
    return bad_key(file, StatusCode::Corrupt, key,
                   concat("is ", *id, ", beyond the vocabulary of ", vocab));
  }
  out = static_cast<TokenId>(*id);
  return {};
}

Status read_ids(const GgufFile& file, VocabData& vocab) {
  const size_t size = vocab.tokens.size();
  ETB_RETURN_IF_ERROR(read_id(file, "tokenizer.ggml.bos_token_id", size, vocab.ids.bos));
  ETB_RETURN_IF_ERROR(read_id(file, "tokenizer.ggml.eos_token_id", size, vocab.ids.eos));
  ETB_RETURN_IF_ERROR(read_id(file, "tokenizer.ggml.eot_token_id", size, vocab.ids.eot));
  ETB_RETURN_IF_ERROR(read_id(file, "tokenizer.ggml.eom_token_id", size, vocab.ids.eom));
  ETB_RETURN_IF_ERROR(read_id(file, "tokenizer.ggml.unknown_token_id", size, vocab.ids.unk));
  return read_id(file, "tokenizer.ggml.padding_token_id", size, vocab.ids.pad);
}

// What a file that does not say means.
bool default_add_bos(const VocabData& vocab) {
  constexpr std::array<std::string_view, 3> kWithBos = {"llama-bpe", "llama3", "llama-v3"};
  return vocab.kind == VocabKind::SentencePiece ||
         std::ranges::find(kWithBos, vocab.pre) != kWithBos.end();
}

Status read_flags(const GgufFile& file, VocabData& vocab) {
  const bool pieces = vocab.kind == VocabKind::SentencePiece;
  ETB_ASSIGN_OR_RETURN(const auto bos, file.get_bool("tokenizer.ggml.add_bos_token"));
  ETB_ASSIGN_OR_RETURN(const auto eos, file.get_bool("tokenizer.ggml.add_eos_token"));
  ETB_ASSIGN_OR_RETURN(const auto space, file.get_bool("tokenizer.ggml.add_space_prefix"));
  vocab.add_bos = bos.value_or(default_add_bos(vocab)) && vocab.ids.bos.has_value();
  vocab.add_eos = eos.value_or(false) && vocab.ids.eos.has_value();
  vocab.add_space_prefix = space.value_or(pieces);
  return {};
}

template <class To, class From>
void assign(To& to, const std::optional<From>& from) {
  if (from) to.assign(from->begin(), from->end());
}

}  // namespace

Result<VocabData> read_vocab(const GgufFile& file) {
  VocabData vocab;
  ETB_ASSIGN_OR_RETURN(vocab.kind, read_kind(file));
  ETB_ASSIGN_OR_RETURN(const auto pre, file.get_string("tokenizer.ggml.pre"));
  if (vocab.kind == VocabKind::ByteLevelBpe) vocab.pre = pre.value_or("gpt-2");
  ETB_ASSIGN_OR_RETURN(const auto tokens, file.get_strings("tokenizer.ggml.tokens"));
  if (!tokens) {
    return bad_key(file, StatusCode::NotFound, "tokenizer.ggml.tokens", "is missing");
  }
  ETB_RETURN_IF_ERROR(read_tokens(file, *tokens, vocab.tokens));
  ETB_ASSIGN_OR_RETURN(const auto scores, file.get_floats("tokenizer.ggml.scores"));
  assign(vocab.scores, scores);
  ETB_ASSIGN_OR_RETURN(const auto merges, file.get_strings("tokenizer.ggml.merges"));
  assign(vocab.merges, merges);
  ETB_RETURN_IF_ERROR(read_types(file, vocab.types));
  ETB_RETURN_IF_ERROR(read_ids(file, vocab));
  ETB_RETURN_IF_ERROR(read_flags(file, vocab));
  return vocab;
}

Result<std::string_view> read_template(const GgufFile& file) {
  ETB_ASSIGN_OR_RETURN(const auto text, file.get_string("tokenizer.chat_template"));
  return text.value_or("");
}

model::SpecialTokens special_tokens(const VocabData& vocab, const family::FamilyRow& row) {
  model::SpecialTokens result;
  result.bos = vocab.ids.bos;
  result.eos = vocab.ids.eos;
  result.add_bos = vocab.add_bos;
  for (const auto& id : {vocab.ids.eos, vocab.ids.eot, vocab.ids.eom}) {
    if (id) result.stop.push_back(*id);
  }
  for (size_t id = 0; id < vocab.types.size() && id < vocab.tokens.size(); ++id) {
    const bool special =
        vocab.types[id] == TokenType::Control || vocab.types[id] == TokenType::UserDefined;
    if (special && std::ranges::find(row.stop_texts, vocab.tokens[id]) != row.stop_texts.end()) {
      result.stop.push_back(static_cast<TokenId>(id));
    }
  }
  std::ranges::sort(result.stop);
  result.stop.erase(std::unique(result.stop.begin(), result.stop.end()), result.stop.end());
  return result;
}

}  // namespace etb::import
