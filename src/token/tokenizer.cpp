// The face of the room: checks the text, hands it to an Encoding, and goes back from ids to bytes.
#include "token/tokenizer.h"

#include "base/text.h"
#include "token/encoding.h"
#include "token/utf8.h"

namespace etb::token {

using family::TokenType;
using family::VocabKind;
using family::VocabView;

namespace {

// Positions in a text are 32 bits wide.
constexpr size_t kMaxTextBytes = size_t{1} << 30;
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

Status check_text(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return Status(StatusCode::InvalidArgument,
                  concat("the text has ", text.size(), " bytes; at most ", kMaxTextBytes,
                         " can be tokenized at once"));
  }
  const size_t invalid = first_invalid_utf8(text);
  if (invalid == text.size()) return {};
  return Status(StatusCode::InvalidArgument,
                concat("the text is not valid UTF-8 at byte ", invalid,
                       "; pass text in UTF-8 without unpaired surrogates"));
}

std::string join(std::span<const TextPart> parts) {
  std::string out;
  for (const TextPart& part : parts) out += part.text;
  return out;
}

// For SentencePiece U+2581 is a space, also where the text itself has it.
std::string marks_to_spaces(std::string_view text) {
  return replace_all(text, kSpaceMark, " ");
}

}  // namespace

struct Tokenizer::Impl {
  std::shared_ptr<const void> owner;
  std::unique_ptr<const Model> model;
};

Result<Tokenizer> Tokenizer::create(std::span<const uint8_t> bytes,
                                    std::shared_ptr<const void> owner) {
  ETB_ASSIGN_OR_RETURN(const VocabView view, family::parse_vocab(bytes));
  auto impl = std::make_shared<Impl>();
  impl->owner = std::move(owner);
  ETB_ASSIGN_OR_RETURN(impl->model, Model::create(view));
  return Tokenizer(std::move(impl));
}

Result<Tokenizer> Tokenizer::create(std::vector<uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  const std::span<const uint8_t> view(*owner);
  return create(view, std::move(owner));
}

Result<Tokenizer> Tokenizer::create(const family::VocabData& data) {
  ETB_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, family::serialize_vocab(data));
  return create(std::move(bytes));
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  const TextPart part{text, options.parse_special};
  return encode(std::span(&part, 1), options);
}

Result<std::vector<TokenId>> Tokenizer::encode(std::span<const TextPart> parts,
                                               EncodeOptions options) const {
  std::string joined = parts.size() == 1 ? std::string() : join(parts);
  std::string_view text = parts.size() == 1 ? parts[0].text : joined;
  ETB_RETURN_IF_ERROR(check_text(text));
  std::vector<std::string> spaced;
  std::vector<TextPart> spaced_parts;
  const VocabView& vocab = impl_->model->vocab;
  if (vocab.kind() == VocabKind::SentencePiece && text.find(kSpaceMark) != std::string_view::npos) {
    for (const TextPart& part : parts) spaced.push_back(marks_to_spaces(part.text));
    for (size_t i = 0; i < parts.size(); ++i) {
      spaced_parts.push_back({spaced[i], parts[i].parse_special});
    }
    parts = spaced_parts;
    text = joined = join(parts);
  }
  Encoding encoding(*impl_->model);
  std::vector<TokenId>& ids = encoding.ids();
  ids.reserve(text.size() / 3 + 8);
  if (options.add_bos && vocab.ids().bos) ids.push_back(*vocab.ids().bos);
  ETB_RETURN_IF_ERROR(encoding.run(text, parts, options.continues));
  if (options.add_eos && vocab.ids().eos) ids.push_back(*vocab.ids().eos);
  return std::move(ids);
}

Result<std::string_view> Tokenizer::piece(TokenId id, DecodeOptions options) const {
  if (id >= impl_->model->vocab.size()) {
    return Status(StatusCode::InvalidArgument,
                  concat("token id ", id, " is outside the vocabulary of ",
                         impl_->model->vocab.size(), " tokens"));
  }
  if (!options.special && is_control(id)) return std::string_view();
  return impl_->model->vocab.bytes(id);
}

Result<std::string> Tokenizer::decode(std::span<const TokenId> ids, DecodeOptions options) const {
  std::string out;
  bool at_start = wants_space();
  for (const TokenId id : ids) {
    ETB_ASSIGN_OR_RETURN(std::string_view text, piece(id, options));
    if (at_start && !text.empty() && !is_control(id)) {
      if (text[0] == ' ') text.remove_prefix(1);
      at_start = false;
    }
    out += text;
  }
  return out;
}

uint32_t Tokenizer::vocab_size() const {
  return impl_->model->vocab.size();
}

bool Tokenizer::is_control(TokenId id) const {
  if (id >= impl_->model->vocab.size()) return false;
  const TokenType type = impl_->model->vocab.type(id);
  return type == TokenType::Control || type == TokenType::Unknown;
}

const family::VocabIds& Tokenizer::ids() const {
  return impl_->model->vocab.ids();
}
bool Tokenizer::wants_bos() const {
  return impl_->model->vocab.add_bos();
}
bool Tokenizer::wants_eos() const {
  return impl_->model->vocab.add_eos();
}
bool Tokenizer::wants_space() const {
  const VocabView& vocab = impl_->model->vocab;
  const bool by_bytes =
      vocab.kind() == VocabKind::ByteLevelBpe || vocab.kind() == VocabKind::RankedBytes;
  return !by_bytes && vocab.add_space_prefix();
}

TokenId Tokenizer::find_special(std::string_view text) const {
  return impl_->model->specials.find(impl_->model->vocab, text);
}

}  // namespace etb::token
