// The order of work: check UTF-8, cut at special tokens, then each gap goes through normalisation,
// pre-tokenizer and merging (BPE) or through the SentencePiece encoder as a whole.
#include "token/tokenizer.h"

#include <optional>

#include "base/text.h"
#include "token/bpe.h"
#include "token/normalize.h"
#include "token/pretokenizer.h"
#include "token/sentencepiece.h"
#include "token/special_matcher.h"
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
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t mark = std::min(text.find(kSpaceMark, at), text.size());
    out += text.substr(at, mark - at);
    at = mark;
    if (at < text.size()) {
      out += ' ';
      at += kSpaceMark.size();
    }
  }
  return out;
}

// Ends of the regions in which control tokens may be, for the walk over a text from left to right.
class ControlRegions {
 public:
  explicit ControlRegions(std::span<const TextPart> parts) : parts_(parts) {}

  // The end of the region around byte `at`, or 0 if there is none. `at` never goes back.
  size_t end_at(size_t at) {
    while (at >= end_ && next_ < parts_.size()) {
      control_ = parts_[next_].parse_special;
      do {
        end_ += parts_[next_++].text.size();
      } while (next_ < parts_.size() && parts_[next_].parse_special == control_);
    }
    return control_ && at < end_ ? end_ : 0;
  }

 private:
  std::span<const TextPart> parts_;
  size_t next_ = 0, end_ = 0;
  bool control_ = false;
};

}  // namespace

struct Tokenizer::Impl {
  Impl(VocabView view, std::shared_ptr<const void> keep)
      : owner(std::move(keep)), vocab(view), specials(vocab) {}

  std::shared_ptr<const void> owner;
  VocabView vocab;
  SpecialMatcher specials;
  std::optional<PreTokenizer> pre;  // ByteLevelBpe only
};

namespace {

// One call of encode().
class Encoding {
 public:
  Encoding(const VocabView& vocab, const SpecialMatcher& specials, const PreTokenizer* pre)
      : vocab_(vocab),
        specials_(specials),
        pre_(pre),
        bpe_(vocab, pre != nullptr && pre->ignore_merges()),
        sentence_piece_(vocab) {}

  Status run(std::string_view text, std::span<const TextPart> parts) {
    ControlRegions regions(parts);
    size_t gap = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t control_end = specials_.may_begin(text[at], true) ? regions.end_at(at) : 0;
      std::optional<SpecialMatch> match;
      if (specials_.may_begin(text[at], control_end != 0)) {
        match = specials_.match_at(vocab_, text, at, control_end);
      }
      if (!match) {
        ++at;
        continue;
      }
      std::string_view before = text.substr(gap, at - gap);
      if (vocab_.strips_left(match->id)) before.remove_suffix(trailing_white_space(before));
      ETB_RETURN_IF_ERROR(encode_gap(before));
      ids_.push_back(match->id);
      after_special_ = true;
      gap = at = match->end;
      if (vocab_.strips_right(match->id)) gap = at += leading_white_space(text.substr(at));
    }
    return encode_gap(text.substr(gap));
  }

  std::vector<TokenId>& ids() { return ids_; }
  void set_continues() { after_special_ = false; }

 private:
  Status encode_gap(std::string_view text) {
    if (text.empty()) return {};
    const bool starts = std::exchange(after_special_, false);
    return pre_ != nullptr ? encode_words(text) : encode_sentence(text, starts);
  }

  Status encode_words(std::string_view text) {
    std::string normalized;
    if (pre_->normalizes() && !is_plainly_nfc(text)) {
      ETB_ASSIGN_OR_RETURN(normalized, to_nfc(text));
      text = normalized;
    }
    ends_.clear();
    ETB_RETURN_IF_ERROR(pre_->split(text, ends_));
    size_t begin = 0;
    for (const uint32_t end : ends_) {
      bpe_.encode_word(text.substr(begin, end - begin), ids_);
      begin = end;
    }
    return {};
  }

  Status encode_sentence(std::string_view text, bool starts) {
    std::string spaced;
    if (starts && vocab_.add_space_prefix()) {
      spaced = concat(" ", text);
      text = spaced;
    }
    sentence_piece_.encode(text, ids_);
    return {};
  }

  const VocabView& vocab_;
  const SpecialMatcher& specials_;
  const PreTokenizer* pre_;  // null: SentencePiece
  BpeEncoder bpe_;
  SentencePieceEncoder sentence_piece_;
  std::vector<uint32_t> ends_;
  std::vector<TokenId> ids_;
  bool after_special_ = true;  // the next gap stands at the start or behind a special token
};

}  // namespace

Result<Tokenizer> Tokenizer::create(std::span<const uint8_t> bytes,
                                    std::shared_ptr<const void> owner) {
  ETB_ASSIGN_OR_RETURN(const VocabView view, family::parse_vocab(bytes));
  auto impl = std::make_shared<Impl>(view, std::move(owner));
  if (view.kind() == VocabKind::ByteLevelBpe) {
    ETB_ASSIGN_OR_RETURN(impl->pre, PreTokenizer::create(view.pre()));
  }
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
  if (!impl_->pre && text.find(kSpaceMark) != std::string_view::npos) {
    for (const TextPart& part : parts) spaced.push_back(marks_to_spaces(part.text));
    for (size_t i = 0; i < parts.size(); ++i) {
      spaced_parts.push_back({spaced[i], parts[i].parse_special});
    }
    parts = spaced_parts;
    text = joined = join(parts);
  }
  Encoding encoding(impl_->vocab, impl_->specials, impl_->pre ? &*impl_->pre : nullptr);
  if (options.continues) encoding.set_continues();
  std::vector<TokenId>& ids = encoding.ids();
  ids.reserve(text.size() / 3 + 8);
  if (options.add_bos && impl_->vocab.ids().bos) ids.push_back(*impl_->vocab.ids().bos);
  ETB_RETURN_IF_ERROR(encoding.run(text, parts));
  if (options.add_eos && impl_->vocab.ids().eos) ids.push_back(*impl_->vocab.ids().eos);
  return std::move(ids);
}

Result<std::string_view> Tokenizer::piece(TokenId id, DecodeOptions options) const {
  if (id >= impl_->vocab.size()) {
    return Status(
        StatusCode::InvalidArgument,
        concat("token id ", id, " is outside the vocabulary of ", impl_->vocab.size(), " tokens"));
  }
  if (!options.special && is_control(id)) return std::string_view();
  return impl_->vocab.bytes(id);
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
  return impl_->vocab.size();
}

bool Tokenizer::is_control(TokenId id) const {
  if (id >= impl_->vocab.size()) return false;
  const TokenType type = impl_->vocab.type(id);
  return type == TokenType::Control || type == TokenType::Unknown;
}

const family::VocabIds& Tokenizer::ids() const {
  return impl_->vocab.ids();
}
bool Tokenizer::wants_bos() const {
  return impl_->vocab.add_bos();
}
bool Tokenizer::wants_eos() const {
  return impl_->vocab.add_eos();
}
bool Tokenizer::wants_space() const {
  return impl_->vocab.kind() == VocabKind::SentencePiece && impl_->vocab.add_space_prefix();
}

TokenId Tokenizer::find_special(std::string_view text) const {
  return impl_->specials.find(impl_->vocab, text);
}

}  // namespace etb::token
