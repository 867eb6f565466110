#include "token/encoding.h"

#include "base/text.h"
#include "token/bpe.h"
#include "token/sentencepiece.h"
#include "token/tokenizer.h"
#include "token/utf8.h"

namespace etb::token {

using family::VocabKind;
using family::VocabView;

namespace {

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

std::unique_ptr<WordEncoder> make_encoder(const Model& model) {
  const VocabView& vocab = model.vocab;
  switch (vocab.kind()) {
    case VocabKind::ByteLevelBpe:
      break;
    case VocabKind::SentencePiece:
      return std::make_unique<SentencePieceEncoder>(vocab, model.direct);
    case VocabKind::PieceBpe:
      return std::make_unique<PieceBpeEncoder>(
          vocab, model.direct,
          PieceBpeEncoder::Options{model.ignore_merges, model.separate_unknown});
    case VocabKind::Unigram:
      return std::make_unique<UnigramEncoder>(vocab, model.direct, model.pieces, model.single_sums);
    case VocabKind::RankedBytes:
      return std::make_unique<RankedBytesEncoder>(vocab);
  }
  return std::make_unique<BpeEncoder>(vocab, model.direct, model.ignore_merges);
}

}  // namespace

Result<std::unique_ptr<const Model>> Model::create(VocabView view) {
  auto made = std::make_unique<Model>(view);
  TextRules rules;
  if (!view.pre().empty() || view.kind() == VocabKind::ByteLevelBpe) {
    ETB_ASSIGN_OR_RETURN(rules, read_rules(view.pre()));
  }
  ETB_ASSIGN_OR_RETURN(made->normalizer, Normalizer::create(std::move(rules.normalizers)));
  ETB_ASSIGN_OR_RETURN(made->pretokenizer, PreTokenizer::create(std::move(rules.splits)));
  std::vector<RuleToken> raw, normalized;
  for (RuleToken& token : rules.tokens) {
    const bool valid =
        token.id < view.size() && first_invalid_utf8(token.text) == token.text.size();
    if (!valid || token.text.size() > kMaxRuleTokenBytes) {
      return Status(StatusCode::Corrupt, concat("stored tokenizer: the rule for token ", token.id,
                                                " does not fit; import the model file again"));
    }
    if (!token.normalized) made->begins_whole[static_cast<uint8_t>(token.text[0])] = true;
    (token.normalized ? normalized : raw).push_back(std::move(token));
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    made->begins_whole[byte] |= made->specials.may_begin(static_cast<char>(byte), true);
  }
  made->raw_tokens = RuleTokens(std::move(raw));
  made->normalized_tokens = RuleTokens(std::move(normalized));
  made->ignore_merges = rules.ignore_merges;
  made->separate_unknown = rules.separate_unknown;
  made->single_sums = rules.single_sums;
  if (view.kind() == VocabKind::Unigram) made->pieces = UnigramPieces(made->vocab);
  return std::unique_ptr<const Model>(std::move(made));
}

Encoding::Encoding(const Model& model) : model_(model), encoder_(make_encoder(model)) {}

// The longest token at `at`, of the vocabulary's own list or of the rules.
std::optional<Encoding::Found> Encoding::find_whole(std::string_view text, size_t at,
                                                    size_t control_end) const {
  std::optional<Found> best;
  if (model_.specials.may_begin(text[at], control_end != 0)) {
    if (const auto match = model_.specials.match_at(model_.vocab, text, at, control_end)) {
      best = Found{*match, true};
    }
  }
  if (model_.raw_tokens.empty()) return best;
  const auto match = model_.raw_tokens.match_at(text, at, control_end);
  if (match && (!best || match->found.end > best->match.end)) {
    best = Found{match->found, match->apart};
  }
  return best;
}

// Returns where the text goes on: behind the token and the white space it swallows.
size_t Encoding::emit(const SpecialMatch& match, std::string_view text) {
  ids_.push_back(match.id);
  if (!model_.vocab.strips_right(match.id)) return match.end;
  return match.end + leading_white_space(text.substr(match.end));
}

Status Encoding::run(std::string_view text, std::span<const TextPart> parts, bool continues) {
  ControlRegions regions(parts);
  size_t gap = 0;
  for (size_t at = 0; at < text.size();) {
    if (!model_.begins_whole[static_cast<uint8_t>(text[at])]) {
      ++at;
      continue;
    }
    const auto found = find_whole(text, at, regions.end_at(at));
    if (!found || !found->apart) {
      at = found ? found->match.end : at + 1;
      continue;
    }
    std::string_view before = text.substr(gap, at - gap);
    if (model_.vocab.strips_left(found->match.id)) {
      before.remove_suffix(trailing_white_space(before));
    }
    ETB_RETURN_IF_ERROR(encode_gap(before, {!continues || gap > 0, gap == 0 && !continues}));
    gap = at = emit(found->match, text);
  }
  return encode_gap(text.substr(gap), {!continues || gap > 0, gap == 0 && !continues});
}

Status Encoding::encode_gap(std::string_view text, PreTokenizer::Start start) {
  if (text.empty()) return {};
  if (!model_.normalizer.empty()) {
    ETB_ASSIGN_OR_RETURN(text, model_.normalizer.apply(text, start.prefix, normalized_));
  }
  if (model_.vocab.kind() == VocabKind::SentencePiece && model_.vocab.add_space_prefix() &&
      start.prefix && !text.empty()) {
    spaced_ = concat(" ", text);
    text = spaced_;
  }
  return model_.normalized_tokens.empty() ? encode_words(text, start)
                                          : encode_normalized(text, start);
}

// The same cutting as in run(), for the tokens that are looked for behind the normalisation.
Status Encoding::encode_normalized(std::string_view text, PreTokenizer::Start start) {
  size_t gap = 0;
  for (size_t at = 0; at < text.size();) {
    const auto match = model_.normalized_tokens.match_at(text, at, text.size());
    if (!match || !match->apart) {
      at = match ? match->found.end : at + 1;
      continue;
    }
    std::string_view before = text.substr(gap, at - gap);
    if (model_.vocab.strips_left(match->found.id)) {
      before.remove_suffix(trailing_white_space(before));
    }
    ETB_RETURN_IF_ERROR(encode_words(before, start));
    start = {true, false};
    gap = at = emit(match->found, text);
  }
  return encode_words(text.substr(gap), start);
}

Status Encoding::encode_words(std::string_view text, PreTokenizer::Start start) {
  if (text.empty()) return {};
  ETB_RETURN_IF_ERROR(model_.pretokenizer.split(text, start, words_));
  for (size_t i = 0; i < words_.ranges.size(); ++i) {
    if (const std::string_view word = words_.word(i); !word.empty()) {
      encoder_->encode_word(word, ids_);
    }
  }
  return {};
}

}  // namespace etb::token
